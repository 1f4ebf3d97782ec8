"""Files of a logger: private to the user, never through a link, whole after a crash."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path


def make_private_dirs(path: Path) -> None:
    """Make a directory and those above it that are missing, all of them 0700. What exists keeps its mode."""
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for directory in reversed(missing):
        directory.mkdir(mode=0o700, exist_ok=True)


def append_private(path: Path, text: str) -> None:
    """Append to a file of mode 0600; if that fails the file is as it was."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        data = memoryview(text.encode())
        try:
            while data:
                data = data[file.write(data) or 0 :]
        except OSError:
            os.ftruncate(descriptor, size)
            raise


def replace_private(path: Path, parts: Iterable[str]) -> None:
    """Write a file of mode 0600 beside ``path`` and put it in its place when it is complete."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


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
