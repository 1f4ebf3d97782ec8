"""The steps that raise requirements on bad releases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leyden.audit.advisories.listed import listed
from leyden.audit.finding import Budget, Finding, LimitError, Limits
from leyden.audit.fix.own import own_text
from leyden.audit.fix.steps import Leave, Rewrite, Step
from leyden.audit.fix.versions import Raised, raise_versions
from leyden.audit.report import Report
from leyden.audit.rules.dependencies import COMPROMISED, COMPROMISED_ADMITTED, VULNERABLE, VULNERABLE_ADMITTED
from leyden.errors import FormatError

_RULES: Final = frozenset(rule.id for rule in (COMPROMISED, COMPROMISED_ADMITTED, VULNERABLE, VULNERABLE_ADMITTED))


def raising(report: Report, limits: Limits, advisories: str) -> Iterator[Step]:
    """A step for each file with a requirement that counts and can be raised; what cannot be is told with the reason."""
    files: dict[str, list[Finding]] = {}
    for finding in report.counted:
        if finding.rule in _RULES and finding.place.line is not None and finding.accepted is None:
            files.setdefault(finding.place.path, []).append(finding)
    for path, findings in files.items():
        if any(finding.place.inside for finding in findings):
            yield Leave(path, "a notebook is edited where it runs")
            continue
        yield from _steps(path, findings, limits, advisories)


def _steps(path: str, findings: list[Finding], limits: Limits, advisories: str) -> Iterator[Step]:
    source = own_text(path)
    if isinstance(source, Leave):
        yield source
        return
    try:
        text = source.decode("utf-8")
        lines = {finding.place.line for finding in findings if finding.place.line is not None}
        raised = raise_versions(path, text, listed(advisories), lines, Budget(limits))
    except UnicodeDecodeError:
        yield Leave(path, "it is not in UTF-8")
        return
    except (FormatError, LimitError) as error:
        yield Leave(path, str(error))
        return
    if raised.changes:
        yield _rewrite(path, source, findings, raised)
    for line, reason in raised.left:
        yield Leave(path, f"line {line}: {reason}")


def _rewrite(path: str, source: bytes, findings: list[Finding], raised: Raised) -> Rewrite:
    done = {line for line, _ in raised.changes} - {line for line, _ in raised.left}
    changes = tuple(f"line {line}: {change}" for line, change in raised.changes)
    mends = tuple(finding for finding in findings if finding.place.line in done)
    return Rewrite(path, source, raised.text.encode("utf-8"), changes, mends)
