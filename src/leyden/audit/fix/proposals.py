"""Every change that is known to mend something, for the guide: those of --fix, and those for a person to decide."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from leyden.audit.finding import Finding, Limits, sorted_findings
from leyden.audit.fix.code.facts import Facts
from leyden.audit.fix.code.plan import MISSING, by_file, has_editor, told
from leyden.audit.fix.own import own_text
from leyden.audit.fix.plan import mends, plan
from leyden.audit.fix.steps import Convert, Leave, Rewrite, Tighten
from leyden.audit.formats.diff import diff
from leyden.audit.report import Proposal, Report
from leyden.redaction import redact_source

if TYPE_CHECKING:
    from leyden.audit.fix.code.mending import Mended, Program

_MOST: Final = 100  # changes that a person decides about
_LONGEST: Final = 120  # lines of one diff
_SECONDS: Final = 30.0  # for the changes that a person decides about, all together


def proposals(report: Report, limits: Limits, facts: Facts, advisories: str = "") -> Iterator[Proposal]:
    """Those of --fix first, then the others, worst findings first, as far as time and room go."""
    done: set[Finding] = set()
    for step in plan(report, limits, facts, conversion=False, advisories=advisories):
        found = tuple(mends(step, report))
        done.update(found)
        match step:
            case Tighten():
                yield Proposal(found, f"`chmod {step.after:04o}`, and not {step.before:04o}", automatic=True)
            case Rewrite():
                changed = _short(diff(step.path, step.before, step.after))
                yield Proposal(found, redact_source("; ".join(step.changes)), changed, automatic=True)
            case Convert() | Leave():
                continue
    if has_editor():
        yield from _decided(report, limits, facts, done)
    elif by_file(report):
        yield Proposal((), f"To see what programs would become: `{MISSING}`, and make the guide again.")


def _decided(report: Report, limits: Limits, facts: Facts, done: set[Finding]) -> Iterator[Proposal]:
    files = by_file(report)
    worst = dict.fromkeys(finding.place.path for finding in sorted_findings(report.counted))
    end, left = time.monotonic() + _SECONDS, _MOST
    for path in worst:
        wanted = [finding for finding in files.get(path, ()) if finding not in done]
        if not wanted:
            continue
        for proposal in _of_file(path, wanted, facts, limits):
            yield proposal
            left -= 1
            if left <= 0 or time.monotonic() > end:
                return


def _of_file(path: str, wanted: list[Finding], facts: Facts, limits: Limits) -> Iterator[Proposal]:
    from leyden.audit.fix.code.edits import UnfitError
    from leyden.audit.fix.code.mending import Program
    from leyden.audit.fix.code.table import TREATMENTS

    source = own_text(path)
    if isinstance(source, Leave):
        return
    try:
        program = Program(path, source, limits, facts)
    except UnfitError:  # the finding is still told, with the rule's own words
        return
    by_rule: dict[str, list[Mended]] = {}
    for one in program.mended(wanted):
        by_rule.setdefault(one.finding.rule, []).append(one)
    for rule, same in by_rule.items():
        if program.is_notebook:
            text = "; ".join(map(told, same))
            yield Proposal(tuple(one.finding for one in same), text, caution=TREATMENTS[rule].caution)
            continue
        yield from _together(path, source, program, same)


def _together(path: str, source: bytes, program: Program, same: list[Mended]) -> Iterator[Proposal]:
    """One diff for all findings of a rule in a file, or one for each that can be mended."""
    from leyden.audit.fix.code.edits import UnfitError
    from leyden.audit.fix.code.table import TREATMENTS

    try:
        after = program.edited(same)
    except UnfitError:
        if len(same) > 1:
            for one in same:
                yield from _together(path, source, program, [one])
        return
    text = redact_source("; ".join(dict.fromkeys(one.text for one in same)))
    caution = TREATMENTS[same[0].finding.rule].caution
    yield Proposal(tuple(one.finding for one in same), text, _short(diff(path, source, after)), caution)


def _short(lines: Iterator[str]) -> tuple[str, ...]:
    whole = tuple(lines)
    return whole if len(whole) <= _LONGEST else (*whole[:_LONGEST], f"… {len(whole) - _LONGEST:,} more lines")
