"""What a rule means, in full: for ``leyden explain`` and for the help inside reports."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from leyden.audit.finding import Rule
from leyden.errors import UsageError


def find(rules: Mapping[str, Rule], wanted: str) -> Rule:
    """The rule with an id or a name; UsageError offers the nearest."""
    names = {rule.name: rule for rule in rules.values()}
    found = rules.get(wanted.upper()) or names.get(wanted.lower())
    if found is None:
        close = difflib.get_close_matches(wanted.upper(), rules, 1) or difflib.get_close_matches(
            wanted.lower(), names, 1
        )
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UsageError(f"There is no rule {wanted[:80]!r}.{hint} `leyden explain` lists all of them.")
    return found


def markdown(rule: Rule) -> str:
    """Everything about a rule, as Markdown."""
    return "\n".join(_lines(rule)) + "\n"


def table(rules: Mapping[str, Rule]) -> str:
    """All rules in a Markdown table, as docs/audit.md shows them."""
    rows = ["| rule | name | severity | what it finds |", "| --- | --- | --- | --- |"]
    rows += [f"| {rule.id} | {rule.name} | {rule.severity.name.lower()} | {rule.title} |" for rule in rules.values()]
    return "\n".join(rows) + "\n"


def references(rule: Rule) -> Iterator[tuple[str, str]]:
    """Names and addresses of the weakness and the advisories."""
    if rule.cwe is not None:
        yield f"CWE-{rule.cwe}", f"https://cwe.mitre.org/data/definitions/{rule.cwe}.html"
    for advisory in rule.advisories:
        if advisory.startswith("CVE-"):
            yield advisory, f"https://nvd.nist.gov/vuln/detail/{advisory}"
        elif advisory.startswith("GHSA-"):
            yield advisory, f"https://github.com/advisories/{advisory}"
        elif advisory.startswith("VU#"):
            yield advisory, f"https://www.kb.cert.org/vuls/id/{advisory[3:]}"
        else:
            yield advisory, f"https://osv.dev/vulnerability/{advisory}"


def _lines(rule: Rule) -> Iterator[str]:
    yield f"# {rule.id} {rule.name}: {rule.title}"
    yield ""
    yield f"Severity: {rule.severity.name.lower()}" + ("; makes the audit end with 2" if rule.blind else "")
    for name, address in references(rule):
        yield f"* [{name}]({address})"
    yield from ("", "## Why it matters", "", rule.why, "", "## How to mend it", "", rule.mend)
    for title, examples in (("Found", rule.bad), ("Not found", rule.good)):
        if examples:
            yield from ("", f"## {title}")
            for example in examples:
                yield from ("", "```", example, "```")
