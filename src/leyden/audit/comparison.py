"""An audit beside the one before it: what is new, what is mended, what is left, and how the numbers went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final, final

from leyden.audit.finding import Finding, Severity
from leyden.audit.fingerprint import label
from leyden.audit.history import Entry, Known, Scope, last
from leyden.audit.report import Report

LONGEST_TREND: Final = 30  # audits


@final
@dataclass(frozen=True)
class Point:
    """One audit in a trend."""

    time: datetime
    counts: Mapping[Severity, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@final
@dataclass(frozen=True)
class Comparison:
    """A report beside the last saved audit of the same scope.

    What was found then and is not found now is mended, unless it lies where something could not be looked at.
    """

    since: datetime
    leyden: str  # the version at that time
    revision: str  # of git at that time, or nothing
    found: frozenset[str]  # fingerprints of all that was found then
    new: frozenset[str]  # of what counts now and was not found then
    old: frozenset[str]  # of what counts now and was found then
    mended: tuple[Known, ...]
    accepted: tuple[Known, ...]  # found then and now, and no longer counted
    unseen: tuple[Known, ...]  # neither found nor known to be mended
    trend: tuple[Point, ...]  # oldest first; this audit is the last

    def is_new(self, finding: Finding) -> bool:
        return finding.fingerprint not in self.found


def compare(report: Report, entries: Sequence[Entry], scope: Scope) -> Comparison | None:
    """``report`` beside the newest entry of its scope; None where there is none."""
    before = last(entries, scope)
    if before is None or before.findings is None:
        return None
    then = _found(before)
    counted = frozenset(finding.fingerprint for finding in report.counted)
    now = frozenset(finding.fingerprint for finding in report.findings)
    blind = {label(finding.place.path, report.root) for finding in report.findings if finding.blind}
    gone = [known for known in before.findings if known.fingerprint not in now]
    unseen = {known for known in gone if any(place in blind for place in _around(known.path))}
    series = [Point(one.time, one.counts) for one in entries if one.scope == scope]
    return Comparison(
        since=before.time,
        leyden=before.leyden,
        revision=before.revision,
        found=then,
        new=counted - then,
        old=counted & then,
        mended=tuple(known for known in gone if known not in unseen),
        accepted=tuple(known for known in before.findings if known.fingerprint in now - counted),
        unseen=tuple(known for known in gone if known in unseen),
        trend=(*series[1 - LONGEST_TREND :], Point(report.started, report.severities())),
    )


def found(entries: Sequence[Entry], scope: Scope) -> frozenset[str] | None:
    """Fingerprints of all that the last audit of a scope found; None where there was none."""
    before = last(entries, scope)
    return None if before is None else _found(before)


def _found(before: Entry) -> frozenset[str]:
    return before.accepted | {known.fingerprint for known in before.findings or ()}


def _around(path: str) -> Iterator[str]:
    """A path and the directories that it lies in."""
    yield path
    yield from map(str, PurePosixPath(path).parents)
