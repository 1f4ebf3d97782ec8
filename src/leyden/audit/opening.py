"""Opening a file that may be anything: never waiting, never more than once, and telling when it changed meanwhile."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from leyden.audit.finding import Budget, File, Place
from leyden.errors import FormatError

# Larger files are mapped. If another program cuts a mapped file short, reading it ends the process, so only a worker
# maps: the engine gives large files to workers alone.
LARGEST_READ: Final = 8 << 20
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a pipe that took the file's place would wait for a writer
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class ChangedError(FormatError):
    """The file is not what it was when it was opened."""


class SpecialError(FormatError):
    """A pipe, socket, device or directory is where a file was."""


@contextmanager
def opened(path: str, budget: Budget, versions: Mapping[str, str] = _NOTHING, advisories: str = "") -> Iterator[File]:
    """The file at ``path``; ChangedError at the end of the block if it changed during it."""
    with regular(path) as (descriptor, before):
        if before.st_size > LARGEST_READ:
            # Never closed by hand: an error on its way out holds on to slices. It ends with the last of them.
            mapped = mmap.mmap(descriptor, before.st_size, access=mmap.ACCESS_READ)
            yield File(Place(path), memoryview(mapped), budget, stat.S_IMODE(before.st_mode), versions, advisories)
        else:
            content = _bytes(descriptor, before.st_size + 1)  # enough to see that there is more
            if len(content) != before.st_size:
                raise ChangedError(f"it has {before.st_size:,} bytes, and other than that could be read")
            yield File(Place(path), memoryview(content), budget, stat.S_IMODE(before.st_mode), versions, advisories)
        after = os.fstat(descriptor)
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise ChangedError("another program wrote to it while it was read")


@contextmanager
def regular(path: str) -> Iterator[tuple[int, os.stat_result]]:
    """A descriptor of the regular file at ``path``; SpecialError where something else is there."""
    descriptor = os.open(path, _FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SpecialError("something that is not a regular file took its place")
        yield descriptor, status
    finally:
        os.close(descriptor)


def head(path: str, most: int) -> bytes:
    """The first bytes of the regular file at ``path``, ``most`` of them or fewer."""
    with regular(path) as (descriptor, _):
        return _bytes(descriptor, most)


def _bytes(descriptor: int, wanted: int) -> bytes:
    parts = []
    while wanted > 0:
        part = os.read(descriptor, wanted)
        if not part:
            break
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)
