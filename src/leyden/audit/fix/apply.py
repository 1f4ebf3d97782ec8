"""Doing what was planned: each step whole or not at all, and the original kept."""

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
from leyden.audit.fix.plan import ORIGINAL, Convert, Tighten
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
