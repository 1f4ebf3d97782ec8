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
from leyden.audit.fix.steps import ORIGINAL, Convert, Leave, Rewrite, Step, Tighten
from leyden.audit.report import Report
from leyden.audit.rules.permissions import PERMISSIONS, WRITABLE_DIRECTORY, WRITABLE_FILE

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
    for artifact in report.artifacts:
        if artifact.format in convert.FORMATS and not artifact.place.inside:
            if artifact.place.path.endswith(ORIGINAL):
                continue  # kept by an earlier fix
            yield _conversion(artifact.place.path, limits)


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
