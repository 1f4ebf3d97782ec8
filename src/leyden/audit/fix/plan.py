"""What --fix would do: decided before anything is touched, and shown."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final

from leyden.audit.finding import Budget, Finding, Limits, Place
from leyden.audit.fix import convert
from leyden.audit.fix.code.facts import Facts
from leyden.audit.fix.code.plan import code
from leyden.audit.fix.own import own_mode
from leyden.audit.fix.raising import raising
from leyden.audit.fix.readers import program_with_torch
from leyden.audit.fix.steps import ORIGINAL, Convert, Leave, Rewrite, Step, Tighten
from leyden.audit.report import Report
from leyden.audit.rules.permissions import PERMISSIONS, WRITABLE_DIRECTORY, WRITABLE_FILE

_READ: Final = (
    "{} works with torch, and torch.load does not read Leyden's format; change the program, and name this file alone"
)
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def plan(report: Report, limits: Limits, facts: Facts, *, conversion: bool, advisories: str = "") -> Iterator[Step]:
    """The steps for what counts in ``report``, in the order of the files; ``conversion``: of checkpoints too.

    ``advisories`` is the file of the list of bad releases that counts.
    """
    yield from _permissions(report)
    yield from code(report, facts, limits)
    yield from raising(report, limits, advisories)
    if conversion:
        yield from _conversions(report, limits)


def mends(step: Step, report: Report) -> Iterator[Finding]:
    """The findings that a step takes away once it is done."""
    match step:
        case Tighten():
            rules = {rule.id for rule in PERMISSIONS}
            yield from (one for one in report.findings if one.rule in rules and one.place.path == step.path)
        case Rewrite():
            yield from step.mends
        case Convert() | Leave():
            return


def _permissions(report: Report) -> Iterator[Step]:
    tightened = set()
    for finding in report.counted:
        path = finding.place.path
        if finding.rule in (WRITABLE_FILE.id, WRITABLE_DIRECTORY.id) and path not in tightened:
            tightened.add(path)
            yield _tighten(finding.place)


def _tighten(place: Place) -> Step:
    mode = own_mode(place.path)
    return mode if isinstance(mode, Leave) else Tighten(place.path, mode, mode & ~_OTHERS)


def _conversions(report: Report, limits: Limits) -> Iterator[Step]:
    # What an earlier fix kept is none.
    paths = [
        artifact.place.path
        for artifact in report.artifacts
        if artifact.format in convert.FORMATS
        and not artifact.place.inside
        and not artifact.place.path.endswith(ORIGINAL)
    ]
    program = program_with_torch(report) if paths else ""
    for path in paths:
        if program:
            yield Leave(path, _READ.format(program))
        else:
            yield _conversion(path, limits)


def _conversion(path: str, limits: Limits) -> Step:
    mode = own_mode(path)
    if isinstance(mode, Leave):
        return mode
    if os.path.lexists(path + ORIGINAL):
        return Leave(path, f"there is a file of the name {os.path.basename(path)}{ORIGINAL} already")  # noqa: PTH119
    try:
        with convert.converted(path, Budget(limits)) as checkpoint:
            return Convert(path, checkpoint.tensors)
    except convert.Refusals as error:
        return Leave(path, str(error))
