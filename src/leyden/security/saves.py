"""What this user's programs have written with torch.save: the digest and the length of each file, and no path.

One text file, ``saves.txt`` beside the user's keys, with a line for each save in their order. When it is full, its
lines move to ``saves.old.txt``, and what that had is forgotten. Whoever can write there holds the user's key as well,
so the lines are not signed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from leyden.errors import KeyStoreError
from leyden.security.keys import check_private_directory, home
from leyden.security.paths import lock, private_directory, replacing

_NAME: Final = "saves.txt"
_OLD: Final = "saves.old.txt"
_LARGEST: Final = 2 << 20  # bytes of each of the two: some 25,000 saves
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LENGTH: Final = re.compile(rb"^[0-9a-f]{64} ([0-9]{1,18})$", re.MULTILINE)
_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_APPEND: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | _NO_FOLLOW


@final
@dataclass(frozen=True)
class Saves:
    """The saves that are on record."""

    lines: bytes

    def has_length(self, length: int) -> bool:
        """Whether any save had so many bytes; if none had, nobody needs to read a file to know that it is not here."""
        return b" %d\n" % length in self.lines

    def lengths(self) -> set[int]:
        """How many bytes the saves had."""
        return {int(length) for length in _LENGTH.findall(self.lines)}

    def has(self, digest: str, length: int) -> bool:
        """Whether a save had this SHA-256, in hexadecimal digits, and so many bytes."""
        return bool(_DIGEST.fullmatch(digest)) and b"\n%s %d\n" % (digest.encode(), length) in self.lines


def note(digest: str, length: int, environment: Mapping[str, str] = os.environ) -> None:
    """Add a save; KeyStoreError where nothing can be kept."""
    directory = home(environment)
    # It begins with the end of a line: a process that died may have left a part of one.
    line = b"\n%s %d\n" % (digest.encode(), length)
    try:
        private_directory(directory)
        check_private_directory(directory)
        _append(directory, line)
    except OSError as error:
        raise KeyStoreError(
            f"No record of what torch.save writes can be kept in {directory}: {error.strerror or error}."
        ) from None


def read(environment: Mapping[str, str] = os.environ) -> Saves:
    """All saves on record. KeyStoreError where there is a record that cannot be read, or that others may write to."""
    directory = home(environment)
    if not directory.is_dir():
        return Saves(b"")
    check_private_directory(directory)
    # In this order: what moves in between is read twice, and not missed.
    return Saves(b"\n".join((b"", _content(directory / _NAME), _content(directory / _OLD), b"")))


def _append(directory: Path, line: bytes) -> None:
    path = directory / _NAME
    descriptor = os.open(path, _APPEND, 0o600)
    with open(descriptor, "r+b", buffering=0) as stream:  # noqa: PTH123
        lock(descriptor, wait=True)
        _check(path, os.fstat(descriptor))
        stream.write(line)  # one call: where there are no locks, lines do not mix either
        if os.fstat(descriptor).st_size > _LARGEST:
            stream.seek(0)
            # First there twice and then once, so that whoever reads in between misses nothing.
            with replacing(directory / _OLD) as old:
                old.write(stream.readall())
            stream.truncate(0)


def _content(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise KeyStoreError(f"The record {path} cannot be read: {error.strerror}.") from None
    with open(descriptor, "rb") as stream:  # noqa: PTH123
        _check(path, os.fstat(descriptor))
        return stream.read(2 * _LARGEST)


def _check(path: Path, status: os.stat_result) -> None:
    """Whoever may write here says what is unpickled."""
    if not stat.S_ISREG(status.st_mode):
        raise KeyStoreError(f"{path} is not a file, as the record of what torch.save writes is. Move it away.")
    if os.name == "posix" and (status.st_mode & 0o022 or status.st_uid not in (os.geteuid(), 0)):
        raise KeyStoreError(
            f"Others may write to {path}, the record of what torch.save writes. Own it, and chmod 600 {path}"
        )
