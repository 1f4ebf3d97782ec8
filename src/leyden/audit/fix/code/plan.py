"""The steps that mend code, and the changes that a person decides about."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from leyden.audit.finding import Finding, Limits
from leyden.audit.fix.code.facts import Facts
from leyden.audit.fix.own import own_text
from leyden.audit.fix.steps import Leave, Rewrite, Step
from leyden.audit.report import Report

if TYPE_CHECKING:
    from leyden.audit.fix.code.mending import Mended, Program

MISSING: Final = "pip install 'leyden[fix]'"


def has_editor() -> bool:
    """Whether libcst is there, which code is edited with."""
    return importlib.util.find_spec("libcst") is not None


def by_file(report: Report) -> dict[str, list[Finding]]:
    """The findings that count and that there may be an edit for, in the order of the files."""
    from leyden.audit.fix.code.table import TREATMENTS

    found: dict[str, list[Finding]] = {}
    for finding in report.counted:
        if finding.rule in TREATMENTS and finding.place.line is not None:
            found.setdefault(finding.place.path, []).append(finding)
    return found


def code(report: Report, facts: Facts, limits: Limits) -> Iterator[Step]:
    """A step for each program of which something can be mended for certain."""
    files = by_file(report)
    if files and not has_editor():
        first = next(iter(files))
        yield Leave(first, f"programs are mended with libcst: {MISSING}")
        return
    for path, findings in files.items():
        step = _step(path, findings, facts, limits)
        if step is not None:
            yield step


def told(mended: Mended) -> str:
    """Where something changes and how."""
    place = mended.finding.place
    return ", ".join((*place.inside, f"line {place.line}: {mended.text}"))


def _step(path: str, findings: list[Finding], facts: Facts, limits: Limits) -> Step | None:
    from leyden.audit.fix.code.edits import UnfitError
    from leyden.audit.fix.code.mending import Program

    source = own_text(path)
    if isinstance(source, Leave):
        return source
    try:
        program = Program(path, source, limits, facts)
        proven = [one for one in program.mended(findings) if one.proven]
        if proven and program.is_notebook:
            return Leave(path, f"it is a notebook; change it in its editor: {'; '.join(map(told, proven))}")
        return _rewrite(path, source, program, proven) if proven else None
    except UnfitError as error:
        return Leave(path, str(error))


def _rewrite(path: str, source: bytes, program: Program, mended: list[Mended]) -> Rewrite:
    after = program.edited(mended)
    changes = tuple(map(told, mended))
    return Rewrite(path, source, after, changes, tuple(one.finding for one in mended))
