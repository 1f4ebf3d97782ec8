"""Style and script of the HTML report. The page's policy names them by digest, so nothing else applies or runs."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --quiet: #777;
  --critical: #b00020; --high: #d1431f; --medium: #b07800; --low: #2b6cb0; --info: #667; }
@media (prefers-color-scheme: dark) { :root { --quiet: #999; --critical: #ff6b81; --high: #ff8a65; --medium: #ffc14d;
  --low: #7ab8ff; --info: #aab; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0 0 .5rem; } h2 { font-size: 1.05rem; margin: 0 0 .25rem; } p { margin: .25rem 0; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .5rem .75rem; overflow-x: auto; margin: .5rem 0; white-space: pre-wrap; }
header p, footer, .mend, .why { color: var(--quiet); } .mend::before { content: "\\2192  "; }
.blind { color: var(--critical) !important; font-weight: 600; }
.tiles { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; padding: 0; margin: .75rem 0; }
.tiles li { border: 1px solid var(--line); border-left: 5px solid var(--tone); padding: .25rem .9rem; }
.tiles b { font-size: 1.4rem; margin-right: .25rem; }
.critical { --tone: var(--critical); } .high { --tone: var(--high); } .medium { --tone: var(--medium); }
.low { --tone: var(--low); } .info { --tone: var(--info); }
nav { position: sticky; top: 0; display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; z-index: 1;
  background: Canvas; border-bottom: 1px solid var(--line); padding: .6rem 0; margin: 1rem 0; }
nav[hidden] { display: none; } nav input[type=search] { flex: 1 1 14rem; font: inherit; padding: .2rem .5rem; }
article { border: 1px solid var(--line); border-left: 5px solid var(--tone); padding: .75rem 1rem; margin: .75rem 0; }
.level { color: var(--tone); text-transform: uppercase; font-size: .8rem; letter-spacing: .04em; }
.accepted { opacity: .65; } section { margin-top: 2rem; } summary { cursor: pointer; }
details { border-top: 1px solid var(--line); padding: .4rem 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .2rem .6rem .2rem 0;
  border-top: 1px solid var(--line); vertical-align: top; } footer { margin: 2rem 0 0; font-size: .85rem; }
.badge { border: 1px solid var(--tone); border-radius: .6rem; color: var(--tone); font-size: .75rem; padding: 0 .5rem; }
svg.trend { width: 100%; max-width: 40rem; height: 7rem; margin: .75rem 0; display: block; }
.trend rect { fill: var(--tone); } .trend .axis { stroke: var(--line); }
@media print { nav { display: none; } }
"""

SCRIPT: Final = """
"use strict";
(() => {
  const find = (selector) => [...document.querySelectorAll(selector)];
  const articles = find("#findings article");
  const words = document.getElementById("words"), rule = document.getElementById("rule");
  const accepted = document.getElementById("accepted"), fresh = document.getElementById("new");
  const contents = articles.map((article) => article.textContent.toLowerCase());
  const apply = () => {
    const levels = new Set(find("[data-level]:checked").map((box) => box.dataset.level));
    const wanted = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let number = 0;
    articles.forEach((article, index) => {
      const show = levels.has(article.dataset.level) && (!rule.value || rule.value === article.dataset.rule)
        && (accepted.checked || !article.classList.contains("accepted"))
        && (!fresh?.checked || article.classList.contains("new"))
        && wanted.every((word) => contents[index].includes(word));
      article.hidden = !show;
      number += show;
    });
    document.getElementById("none").hidden = number > 0 || articles.length === 0;
    document.getElementById("number").textContent = `${number} of ${articles.length} shown`;
  };
  document.getElementById("filters").hidden = articles.length === 0;
  document.getElementById("filters").addEventListener("input", apply);
  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  window.addEventListener("hashchange", open);
  apply();
  open();
})();
"""
