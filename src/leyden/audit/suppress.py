"""Risks that somebody took on purpose: which rule, where, why, and until when.

In a text file, on the line of the finding or alone on the line above it::

    # leyden: ignore[LEY201] reason="only our own files" until=2027-06-30

In the settings, for files that cannot hold a comment, a table with ``rule``, ``path``, ``reason`` and ``until``. One
without a reason or a date, or past its date, does not count and is a finding itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Final, final

from leyden.audit.finding import Accepted, Finding, Place
from leyden.audit.rules.engine import SUPPRESSION_EXPIRED, SUPPRESSION_UNREASONED

_INLINE: Final = re.compile(r"leyden:\s*ignore\[([A-Za-z0-9, ]{1,200})\](.{0,1000})")
_REASON: Final = re.compile(r'reason="([^"]+)"')
_UNTIL: Final = re.compile(r"until=(\d{4}-\d{2}-\d{2})(?!\d)")
_ALONE: Final = re.compile(r"\s*(#|//|;|--|<!--)")
_OWN: Final = {SUPPRESSION_EXPIRED.id, SUPPRESSION_UNREASONED.id}


@final
@dataclass(frozen=True)
class Suppression:
    """One accepted risk of the settings; ``path`` is a pattern over paths with ``/``, from the settings' directory."""

    rule: str
    path: str
    reason: str
    until: date | None
    source: Place

    def covers(self, finding: Finding, label: str) -> bool:
        return finding.rule == self.rule and finding.rule not in _OWN and fnmatchcase(label, self.path)


def today() -> date:
    """The day that it is here: the dates of suppressions are local days."""
    return datetime.now().astimezone().date()


def invalid(reason: str, until: date | None, place: Place, today: date, what: str) -> Finding | None:
    """The finding about a suppression that does not hold, or None."""
    missing = [word for word, given in (("reason", reason.strip()), ("until", until)) if not given]
    if missing or until is None:
        text = f"The suppression of {what} gives no {' and no '.join(missing)}, so it does not count."
        return SUPPRESSION_UNREASONED.at(place, text, key=what)
    if until < today:
        text = f"The suppression of {what} ended on {until.isoformat()}, so it no longer counts."
        return SUPPRESSION_EXPIRED.at(place, text, key=what)
    return None


def in_settings(suppressions: Iterable[Suppression], today: date) -> tuple[list[Suppression], list[Finding]]:
    """Those that hold, and a finding for each that does not."""
    holding, wrong = [], []
    for suppression in suppressions:
        what = f"{suppression.rule} in {suppression.path}"
        finding = invalid(suppression.reason, suppression.until, suppression.source, today, what)
        if finding is None:
            holding.append(suppression)
        else:
            wrong.append(finding)
    return holding, wrong


def inline(findings: Iterable[Finding], lines: Sequence[str], today: date) -> Iterator[Finding]:
    """``findings`` of one text file, marked where a comment accepts them, and one for each comment that is wrong."""
    told: set[int] = set()
    for finding in findings:
        accepted = None
        for number in _lines_about(finding, lines):
            rules, reason, until = _comment(lines[number - 1])
            if finding.rule not in rules or finding.rule in _OWN:
                continue
            place = replace(finding.place, line=number, column=None, last_line=None)
            wrong = invalid(reason, until, place, today, finding.rule)
            if wrong is None:
                accepted = Accepted("inline", reason)
            elif number not in told:
                told.add(number)
                yield wrong
        yield finding if accepted is None else replace(finding, accepted=accepted)


def _lines_about(finding: Finding, lines: Sequence[str]) -> Iterator[int]:
    first = finding.place.line
    if first is None or not 1 <= first <= len(lines):
        return
    yield first
    last = finding.place.last_line
    if last is not None and first < last <= len(lines):
        yield last
    if first > 1 and _ALONE.match(lines[first - 2]):
        yield first - 1


def _comment(line: str) -> tuple[frozenset[str], str, date | None]:
    """Rules, reason and date of the comment on a line; no rules where there is none."""
    found = _INLINE.search(line[-2_000:])
    if found is None:
        return frozenset(), "", None
    rules = frozenset(name.strip().upper() for name in found[1].split(","))
    reason, until = _REASON.search(found[2]), _UNTIL.search(found[2])
    return rules, reason[1] if reason else "", _date(until[1]) if until else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
