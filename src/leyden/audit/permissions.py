"""Who may change a file: what others may write, others may replace by code."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final

from leyden.audit.artifacts.suffixes import is_model_name
from leyden.audit.finding import File, Finding, Place, Record, Severity, Source
from leyden.audit.rules.permissions import PERMISSIONS, WRITABLE_DIRECTORY, WRITABLE_FILE

_POSIX: Final = os.name == "posix"  # elsewhere the bits say nothing


def read_permissions(file: File) -> Iterator[Record]:
    """A model file that others may write."""
    if not file.place.inside and is_model_name(file.name) and (who := writers(file.mode)):
        yield WRITABLE_FILE.at(
            file.place, f"{who[0]} may write to it (mode {file.mode:04o}).", severity=who[1], key=who[0]
        )


def read_directory(path: str, mode: int) -> Iterator[Finding]:
    """A directory in which others may replace files. In one with the sticky bit they may not."""
    if not mode & stat.S_ISVTX and (who := writers(mode)):
        bits = stat.S_IMODE(mode)
        text = f"{who[0]} may add, remove and replace files in it (mode {bits:04o})."
        yield WRITABLE_DIRECTORY.at(Place(path), text, severity=who[1], key=who[0])


def writers(mode: int) -> tuple[str, Severity] | None:
    """Who besides the owner may write. A group is often the user's own, so it is worth a note alone."""
    if not _POSIX:
        return None
    if mode & stat.S_IWOTH:
        return "Everybody", Severity.MEDIUM
    return ("Its group", Severity.INFO) if mode & stat.S_IWGRP else None


SOURCE: Final = Source("permissions", read_permissions, PERMISSIONS)
