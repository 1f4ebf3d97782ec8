"""Doing what was planned: each step whole or not at all."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from leyden.audit.finding import Budget, Limits
from leyden.audit.fix import convert
from leyden.audit.fix.steps import ORIGINAL, Convert, Rewrite, Tighten
from leyden.errors import PathError

# Gives a new file that takes the place of the path at the end of the block, whole or not at all.
Replacing: TypeAlias = Callable[[Path], AbstractContextManager[BinaryIO]]


def tighten(step: Tighten) -> None:
    """Change the permissions; PathError where the path is not any more what was planned for."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(step.path, flags)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) != step.before:
            raise PathError(f"{step.path} changed since it was looked at. Run the audit again.")
        os.fchmod(descriptor, step.after)
    finally:
        os.close(descriptor)


def rewrite(step: Rewrite, replacing: Replacing) -> None:
    """Put the changed text in the place of the old; PathError where that is not any more what was looked at."""
    path = Path(step.path)
    status = _unchanged(step)
    with replacing(path) as stream:
        stream.write(step.after)
        stream.flush()
        if os.name == "posix":
            descriptor = stream.fileno()
            if os.fstat(descriptor).st_gid != status.st_gid:
                os.fchown(descriptor, -1, status.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
        _unchanged(step)  # an editor may have saved meanwhile; after this, only the name is given


def _unchanged(step: Rewrite) -> os.stat_result:
    """The state of the file; PathError if it is not the one that the step is about."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(step.path, flags), "rb") as stream:  # noqa: PTH123
        status = os.fstat(stream.fileno())
        own = os.name != "posix" or status.st_uid == os.geteuid()
        if not (stat.S_ISREG(status.st_mode) and own and status.st_nlink == 1) or (
            stream.read(len(step.before) + 1) != step.before
        ):
            raise PathError(f"{step.path} changed since it was looked at. Run the audit again.")
        return status


def do_conversion(step: Convert, limits: Limits, replacing: Replacing) -> None:
    """Keep the original under another name and put the converted file in its place."""
    path = Path(step.path)
    kept = Path(step.path + ORIGINAL)
    with convert.converted(step.path, Budget(limits)) as checkpoint:
        mode = stat.S_IMODE(path.lstat().st_mode)
        # A second name for the same file: from here on nothing that happens to the first loses it. It must be new.
        os.link(path, kept, follow_symlinks=False)
        try:
            with replacing(path) as stream:
                digest = convert.write(checkpoint, stream)
                stream.flush()
                written = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                convert.check(checkpoint, digest, memoryview(written), step.path)
                if os.name == "posix":
                    os.fchmod(stream.fileno(), mode & 0o755)
        except BaseException:
            kept.unlink()
            raise
