"""Files and directories of a run: files that grow in private, and what an earlier run has left."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

from leyden.checkpoint import remote_files
from leyden.security.remote import Place, Remote

_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def append_private(path: str, text: str) -> None:
    """Append to a file of mode 0600; if that fails the file is as it was."""
    data = memoryview(text.encode())
    written = 0
    descriptor = os.open(path, _APPEND, 0o600)
    try:
        while written < len(data):
            written += os.write(descriptor, data[written:])
    except OSError:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        raise
    finally:
        os.close(descriptor)


def set_aside(paths: Sequence[Path]) -> list[Path]:
    """Rename those files that exist, all with the same first free number: ``metrics.csv`` becomes ``metrics.1.csv``."""
    there = [path for path in paths if os.path.lexists(path)]
    if not there:
        return []
    for number in count(1):
        names = [path.with_name(f"{path.stem}.{number}{path.suffix}") for path in there]
        if not any(os.path.lexists(name) for name in names):
            break
    for path, name in zip(there, names, strict=True):
        path.rename(name)
    return names


def next_version(root: Place) -> int:
    """The first number N above those of all directories ``version_N`` in ``root``."""
    match root:
        case Remote():
            names = [name.partition("/")[0] for name in remote_files.names(root) if "/" in name]
        case Path() if root.is_dir():
            names = [entry.name for entry in root.iterdir() if entry.is_dir()]
        case Path():
            return 0
    numbers = [name.removeprefix("version_") for name in names if name.startswith("version_")]
    return max((int(number) for number in numbers if number.isdecimal()), default=-1) + 1
