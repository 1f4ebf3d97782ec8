"""All that an audit has to say, as plain data: what the formats are functions of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, final

from leyden.audit.finding import Artifact, Finding, Rule, Severity

if TYPE_CHECKING:
    from leyden.audit.comparison import Comparison

CLEAN: Final = 0
FOUND: Final = 1
BLIND: Final = 2


@final
@dataclass(frozen=True)
class Proposal:
    """A change that mends findings, as it is shown: without secrets, and no longer than somebody reads."""

    findings: tuple[Finding, ...]
    text: str  # what becomes of what
    diff: tuple[str, ...] = ()
    caution: str = ""  # what to look out for
    automatic: bool = False  # --fix makes it by itself


@final
@dataclass(frozen=True)
class Report:
    """``findings`` are in the order of the files, those below ``threshold`` and accepted ones too."""

    findings: tuple[Finding, ...]
    artifacts: tuple[Artifact, ...]
    rules: Mapping[str, Rule]
    paths: tuple[str, ...]
    root: str  # the directory that the audit ran in
    files: int
    bytes: int
    started: datetime
    seconds: float
    threshold: Severity = Severity.LOW
    left_out: tuple[str, ...] = field(default=())
    proposals: tuple[Proposal, ...] = field(default=())  # for the guide alone: making them takes time
    since: str = ""  # the commit, where only what differs from it was looked at
    comparison: Comparison | None = None  # with the audit before, where that was saved

    @property
    def counted(self) -> tuple[Finding, ...]:
        """Those that count, in the order of the files."""
        return tuple(finding for finding in self.findings if counts(finding, self.threshold))

    def severities(self) -> Mapping[Severity, int]:
        """How many of each severity count, worst first."""
        numbers = Counter(finding.severity for finding in self.counted)
        return {severity: numbers[severity] for severity in sorted(numbers, reverse=True)}


def counts(finding: Finding, threshold: Severity) -> bool:
    """Whether a finding is shown and makes the audit fail. What could not be looked at does at any threshold."""
    return finding.accepted is None and (finding.blind or finding.severity >= threshold)


def exit_code(findings: tuple[Finding, ...]) -> int:
    """0 clean, 1 findings, 2 something could not be looked at, whatever else was found.

    Who tolerates findings must not take an audit that is not whole for one of those: 2 wins.
    """
    if any(finding.blind for finding in findings):
        return BLIND
    return FOUND if findings else CLEAN
