"""What --fix would do: decided before anything is touched, and shown."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from leyden.audit.finding import Budget, Limits, Place
from leyden.audit.fix import convert
from leyden.audit.report import Report
from leyden.audit.rules.permissions import WRITABLE_DIRECTORY, WRITABLE_FILE

ORIGINAL: Final = ".orig"
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


@final
@dataclass(frozen=True)
class Tighten:
    """Take the right to write from all but the owner."""

    path: str
    before: int
    after: int


@final
@dataclass(frozen=True)
class Convert:
    """Put a file of Leyden's format in the place of a pickled checkpoint, which stays beside it."""

    path: str
    tensors: int


@final
@dataclass(frozen=True)
class Leave:
    """What looks like a case for one of these and is none, with the reason."""

    path: str
    reason: str


Step: TypeAlias = Tighten | Convert | Leave


def plan(report: Report, limits: Limits, *, conversion: bool) -> Iterator[Step]:
    """The steps for what counts in ``report``, in the order of the files; ``conversion``: of checkpoints too."""
    tightened = set()
    for finding in report.counted:
        path = finding.place.path
        if finding.rule in (WRITABLE_FILE.id, WRITABLE_DIRECTORY.id) and path not in tightened:
            tightened.add(path)
            yield _tighten(finding.place)
    if not conversion:
        return
    for artifact in report.artifacts:
        if artifact.format in convert.FORMATS and not artifact.place.inside:
            if artifact.place.path.endswith(ORIGINAL):
                continue  # kept by an earlier fix
            yield _conversion(artifact.place.path, limits)


def _tighten(place: Place) -> Step:
    mode = _own_mode(place.path)
    return mode if isinstance(mode, Leave) else Tighten(place.path, mode, mode & ~_OTHERS)


def _conversion(path: str, limits: Limits) -> Step:
    mode = _own_mode(path)
    if isinstance(mode, Leave):
        return mode
    if os.path.lexists(path + ORIGINAL):
        return Leave(path, f"there is a file of the name {os.path.basename(path)}{ORIGINAL} already")  # noqa: PTH119
    try:
        with convert.converted(path, Budget(limits)) as checkpoint:
            return Convert(path, checkpoint.tensors)
    except convert.Refusals as error:
        return Leave(path, str(error))


def _own_mode(path: str) -> int | Leave:
    """The permissions of a file or directory that is the user's own and no link."""
    try:
        status = os.lstat(path)
    except OSError as error:
        return Leave(path, f"it cannot be looked at: {(error.strerror or type(error).__name__).lower()}")
    if stat.S_ISLNK(status.st_mode):
        return Leave(path, "it is a link; name what it leads to")
    if os.name == "posix" and status.st_uid != os.geteuid():
        return Leave(path, "it belongs to somebody else")
    return stat.S_IMODE(status.st_mode)
