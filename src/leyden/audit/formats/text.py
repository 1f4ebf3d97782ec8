"""Findings for people at a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from leyden.audit.finding import Finding, Rule, Severity
from leyden.audit.formats.plain import amount, plural, printable, printable_lines, where
from leyden.audit.report import Report

Style: TypeAlias = Literal["critical", "high", "medium", "low", "info", "place", "quiet", "plain", "added", "removed"]
Line: TypeAlias = list[tuple[Style, str]]

MOST_SNIPPET_LINES: Final = 8
_STYLES: Final[Mapping[Severity, Style]] = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "medium",
    Severity.LOW: "low",
    Severity.INFO: "info",
}
_SOURCES: Final = {"inline": "comments in the files", "settings": "the settings", "baseline": "the baseline"}


def finding(found: Finding, rule: Rule, new: bool = False) -> Iterator[Line]:
    """One finding: what, where, the snippet, and the way out; ``new`` marks it."""
    severity = found.severity.name.lower()
    head: Line = [(_STYLES[found.severity], f"{severity:<8} {found.rule}"), ("plain", " ")]
    mark: Line = [("plain", " (new)")] if new else []
    yield [*head, ("place", where(found.place)), *mark]
    yield [("plain", f"         {printable(found.message)}")]
    lines = printable_lines(found.snippet)
    for line in lines[:MOST_SNIPPET_LINES]:
        yield [("quiet", f"         | {line}")]
    if len(lines) > MOST_SNIPPET_LINES:
        yield [("quiet", f"         | … {plural(len(lines) - MOST_SNIPPET_LINES, 'more line')}")]
    yield [("quiet", f"         → {printable(found.mend or rule.mend)}")]
    known = ", ".join([*([f"CWE-{rule.cwe}"] if rule.cwe is not None else []), *rule.advisories])
    yield [("quiet", f"         {rule.name}" + (f" ({known})" if known else ""))]


def summary(report: Report) -> Iterator[Line]:
    """What there is to say at the end."""
    counted = report.counted
    blind = sum(finding.blind for finding in counted)
    looked = f"{plural(report.files, 'file')} ({amount(report.bytes)}) in {report.seconds:.1f} s"
    if not counted:
        yield [("plain", f"Nothing found in {looked}.")]
    else:
        numbers = ", ".join(f"{number:,} {severity.name.lower()}" for severity, number in report.severities().items())
        yield [("plain", f"{plural(len(counted), 'finding')} in {looked}: {numbers}.")]
    if blind:
        yield [("high", f"{plural(blind, 'time')} something could not be looked at, so the audit is not whole.")]
    if report.comparison is not None:
        # Imported here, since most audits have nothing to compare with.
        from leyden.audit.formats.compared import in_words, mended_in_words

        for text in filter(None, (*in_words(report.comparison), mended_in_words(report.comparison))):
            yield [("plain", text)]
    for text in _asides(report):
        yield [("quiet", text)]
    if counted:
        worst = max(counted, key=lambda finding: finding.severity)
        yield [("quiet", f"`leyden explain {worst.rule}` tells why it matters and how to mend it.")]


def _asides(report: Report) -> Iterator[str]:
    accepted = [finding.accepted for finding in report.findings if finding.accepted is not None]
    if accepted:
        numbers = Counter(_SOURCES[one.by] for one in accepted)
        yield f"Accepted and not counted: {', '.join(f'{number:,} by {by}' for by, number in numbers.items())}."
    below = sum(finding.accepted is None for finding in report.findings) - len(report.counted)
    if below:
        threshold = report.threshold.name.lower()
        yield f"Below the severity {threshold} and not counted: {below:,} (--severity info shows them)."
    if report.since:
        yield f"Only files that changed since {printable(report.since)} were looked at."
    if report.left_out:
        yield f"Left out: {left_out(report)} (--all and no exclude look at them too)."


def left_out(report: Report) -> str:
    """What was passed over: paths, or names with their number where there are many."""
    if len(report.left_out) <= 3:
        return ", ".join(map(printable, report.left_out))
    names = Counter(path.replace("\\", "/").rpartition("/")[2] for path in report.left_out).most_common()
    parts = [printable(name) + (f" ({number:,} times)" if number > 1 else "") for name, number in names[:8]]
    return ", ".join(parts) + (f" and {plural(len(names) - 8, 'other name')}" if len(names) > 8 else "")


def document(report: Report) -> Iterator[str]:
    """The same without a terminal: all findings and the summary."""
    for found in report.counted:
        new = report.comparison is not None and report.comparison.is_new(found)
        for line in finding(found, report.rules[found.rule], new):
            yield "".join(text for _, text in line) + "\n"
    for line in summary(report):
        yield "".join(text for _, text in line) + "\n"
