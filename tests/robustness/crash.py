"""End the process at its n-th step of writing: a system call that changes a file or a directory, or half of a write."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from typing import Any

from leyden.security import paths

CALLS = ("open", "mkdir", "fsync", "replace", "link", "unlink", "symlink")
CRASHED = 9


def crash_at(step: int, ends: Callable[[], Any] = lambda: os._exit(CRASHED)) -> list[str]:
    """From now on every step is counted, and the process ends just before the given one; returns the steps so far."""
    done: list[str] = []

    def count(name: str) -> None:
        done.append(name)
        if len(done) == step:
            ends()

    for name in CALLS:
        setattr(os, name, _counted(getattr(os, name), name, count))

    def opened(descriptor: int, *args: Any, **how: Any) -> io.FileIO:
        return _Stream(builtins.open(descriptor, *args, **how), count)  # type: ignore[return-value]

    paths.open = opened  # type: ignore[attr-defined]
    return done


def _counted(call: Callable[..., Any], name: str, count: Callable[[str], None]) -> Callable[..., Any]:
    def counted(*args: Any, **how: Any) -> Any:
        if name != "open" or args[1] & os.O_CREAT:
            count(name)
        return call(*args, **how)

    return counted


class _Stream:
    def __init__(self, file: Any, count: Callable[[str], None]) -> None:
        self._file, self._count = file, count

    def write(self, data: memoryview) -> int:
        self._count("write")
        half = self._file.write(data[: len(data) // 2])
        self._count("half a write")
        return int(half + self._file.write(data[half:]))

    def __enter__(self) -> _Stream:
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
