"""Files as commands read them: mapped, or opened into memory where they are encrypted."""

from __future__ import annotations

import mmap
import os
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from leyden.audit.formats import plain
from leyden.errors import EncryptionError

_LONGEST: Final = 500  # characters of one value


def identity_argument(parser: ArgumentParser) -> None:
    """The option that names what opens encrypted checkpoints."""
    text = "a file of private age or SSH keys that open encrypted checkpoints; may be repeated (default: those that "
    parser.add_argument(
        "--identity", metavar="FILE", type=Path, action="append", default=[], help=f"{text}LEYDEN_AGE_IDENTITIES names)"
    )


def content(path: Path, identities: Sequence[Path] = ()) -> memoryview:
    """All bytes of a checkpoint; EncryptionError where nothing opens it."""
    from leyden.checkpoint.content import content as opened  # here: what it brings is slow to import
    from leyden.security.encryption import Encryption

    return memoryview(opened(path, True, Encryption(keys=identities) if identities else None)[0])


def glimpse(path: Path) -> memoryview:
    """The same, always mapped, for who reads the header alone; EncryptionError where the file is encrypted."""
    from leyden.security.encryption import is_encrypted

    with path.open("rb") as stream:
        if not path.stat().st_size:
            return memoryview(b"")
        data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    if is_encrypted(bytes(data[:64])):
        raise EncryptionError(f"{path} is encrypted. `leyden verify --identity FILE` opens it.")
    return data


def walk(folder: Path) -> Iterator[tuple[Path, OSError | None]]:
    """All that is beneath a directory but directories, in the order of names; and what cannot be listed, with why.

    A link is told and not followed.
    """
    folders = [folder]
    while folders:
        here = folders.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            yield here, error
            continue
        below = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below.append(Path(entry.path))
            else:
                yield Path(entry.path), None
        folders += reversed(below)


def printable(value: object) -> str:
    """A value out of a file on its way to a terminal, which must not take parts of it for commands."""
    return plain.printable(str(value)[:_LONGEST])
