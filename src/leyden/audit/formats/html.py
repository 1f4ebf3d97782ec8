"""The report as one page that needs nothing else: no server, no network, and a policy that allows neither."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Final

from leyden._version import __version__
from leyden.audit.explain import references
from leyden.audit.finding import Finding, Rule, Severity, sorted_findings
from leyden.audit.formats import html_trend
from leyden.audit.formats.html_parts import SCRIPT, STYLE
from leyden.audit.formats.html_text import marked, text
from leyden.audit.formats.plain import amount, plural, printable_lines, where
from leyden.audit.formats.text import left_out
from leyden.audit.report import Report, counts

_LEVELS: Final = tuple(severity.name.lower() for severity in sorted(Severity, reverse=True))


def document(report: Report) -> Iterator[str]:
    """The page, worst findings first. All text in it is escaped; without scripts it is whole, only not filtered."""
    shown = sorted_findings(f for f in report.findings if f.accepted is not None or counts(f, report.threshold))
    yield _head(report)
    yield _summary(report)
    yield _filters(shown, compared=report.comparison is not None)
    yield '<main id="findings">\n'
    for finding in shown:
        yield _finding(finding, report.rules[finding.rule], _is_new(finding, report))
    yield '<p id="none" hidden>No finding passes these filters.</p>\n</main>\n'
    if report.comparison is not None:
        yield html_trend.mended(report.comparison)
    yield _artifacts(report)
    yield _rules([report.rules[name] for name in sorted({finding.rule for finding in shown})])
    yield f"<footer>leyden {__version__} audit. The page loads nothing and sends nothing.</footer>\n"
    yield f"<script>{SCRIPT}</script>\n</body>\n</html>\n"


def _head(report: Report) -> str:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_digest(STYLE)}'; script-src 'sha256-{_digest(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Audit of {text(', '.join(report.paths))}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    )


def _summary(report: Report) -> str:
    counted = report.counted
    blind = sum(finding.blind for finding in counted)
    accepted = sum(finding.accepted is not None for finding in report.findings)
    verdict = "Nothing found" if not counted else plural(len(counted), "finding")
    numbers = report.severities()
    tiles = "".join(
        f'<li class="{severity.name.lower()}"><b>{numbers.get(severity, 0):,}</b> {severity.name.lower()}</li>'
        for severity in sorted(Severity, reverse=True)
        if severity >= report.threshold or severity in numbers
    )
    lines = [
        f"{plural(report.files, 'file')} ({amount(report.bytes)}) in {report.seconds:.1f} s, "
        f"{report.started:%Y-%m-%d %H:%M} UTC, in <code>{text(report.root)}</code>: "
        + ", ".join(f"<code>{text(path)}</code>" for path in report.paths)
    ]
    if accepted:
        lines.append(f"{plural(accepted, 'finding')} accepted and not counted.")
    if report.since:
        lines.append(f"Only files that changed since <code>{text(report.since)}</code> were looked at.")
    if report.left_out:
        lines.append(f"Left out: {escape(left_out(report), quote=True)}.")
    warning = (
        f'<p class="blind">{plural(blind, "time")} something could not be looked at: the audit is not whole.</p>\n'
    )
    return (
        f"<header>\n<h1>{verdict}</h1>\n"
        + (warning if blind else "")
        + f'<ul class="tiles">{tiles}</ul>\n'
        + "".join(f"<p>{line}</p>\n" for line in lines)
        + (html_trend.header(report.comparison) if report.comparison is not None else "")
        + "</header>\n"
    )


def _filters(shown: list[Finding], compared: bool) -> str:
    present = {finding.severity.name.lower() for finding in shown}
    boxes = "".join(
        f'<label><input type="checkbox" data-level="{level}" checked> {level}</label>\n'
        for level in _LEVELS
        if level in present
    )
    rules = "".join(f'<option value="{text(rule)}">{text(rule)}</option>' for rule in sorted({f.rule for f in shown}))
    return (
        '<nav id="filters" hidden>\n<input type="search" id="words" placeholder="file, rule or words" '
        'aria-label="Search">\n<select id="rule" aria-label="Rule"><option value="">all rules</option>'
        f"{rules}</select>\n"
        f'{boxes}<label><input type="checkbox" id="accepted"> accepted</label>\n'
        + ('<label><input type="checkbox" id="new"> only new</label>\n' if compared else "")
        + '<output id="number"></output>\n</nav>\n'
    )


def _is_new(finding: Finding, report: Report) -> bool:
    return report.comparison is not None and finding.accepted is None and report.comparison.is_new(finding)


def _finding(finding: Finding, rule: Rule, new: bool) -> str:
    level = finding.severity.name.lower()
    snippet = "\n".join(escape(line) for line in printable_lines(finding.snippet))
    accepted = finding.accepted
    badge = ' <span class="badge">new</span>' if new else ""
    why = f'<p class="why">Accepted ({accepted.by}): {text(accepted.reason)}</p>\n' if accepted is not None else ""
    return (
        f'<article class="{level}{" accepted" if accepted is not None else ""}{" new" if new else ""}" '
        f'data-level="{level}" '
        f'data-rule="{text(finding.rule)}">\n'
        f'<h2><span class="level">{level}</span> <a href="#{text(rule.id)}">{text(rule.id)}</a> '
        f"{marked(rule.title)}{badge}</h2>\n"
        f'<p class="place"><code>{text(where(finding.place))}</code></p>\n<p>{marked(finding.message)}</p>\n'
        + (f"<pre>{snippet}</pre>\n" if snippet else "")
        + f'<p class="mend">{marked(finding.mend or rule.mend)}</p>\n{why}</article>\n'
    )


def _artifacts(report: Report) -> str:
    if not report.artifacts:
        return ""
    rows = "".join(
        f"<tr><td><code>{text(where(artifact.place))}</code></td><td>{text(artifact.format)}</td>"
        f"<td>{text(artifact.framework)}</td><td>{amount(artifact.size)}</td><td>{_number(artifact.tensors)}</td>"
        f"<td>{_number(artifact.parameters)}</td></tr>\n"
        for artifact in report.artifacts
    )
    titles = "".join(f"<th>{title}</th>" for title in ("file", "format", "written by", "size", "tensors", "parameters"))
    return (
        f"<section>\n<h2>Model files ({len(report.artifacts):,})</h2>\n<table><thead><tr>{titles}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody></table>\n</section>\n"
    )


def _rules(rules: list[Rule]) -> str:
    if not rules:
        return ""
    parts = []
    for rule in rules:
        links = ", ".join(
            f'<a href="{text(address)}" rel="noreferrer noopener">{text(name)}</a>'
            for name, address in references(rule)
        )
        parts.append(
            f'<details id="{text(rule.id)}"><summary>{text(rule.id)} {text(rule.name)}: '
            f"{marked(rule.title)}</summary>\n"
            f"<p>{marked(rule.why)}</p>\n<p>{marked(rule.mend)}</p>\n<p>{links}</p></details>\n"
        )
    return "<section>\n<h2>Rules</h2>\n" + "".join(parts) + "</section>\n"


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _digest(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
