"""What the runs of this user have saved, kept away from the checkpoints: one that was swapped or rolled back is found.

One file for each run, ``runs/HEX.jsonl`` beside the user's keys, with a line for each checkpoint in the order in which
they were committed. Whoever can write there holds the user's key as well, so the lines are not signed one by one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from leyden.errors import FormatError, KeyStoreError
from leyden.security.keys import home
from leyden.security.paths import private_directory
from leyden.wire import strict_json

_RUNS: Final = "runs"
_RUN: Final = re.compile(r"[0-9a-f]{32}")
_LARGEST: Final = 64 << 20
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@final
@dataclass(frozen=True)
class Entry:
    """A checkpoint that was committed: its number in the run, the digest of its header, and where it was written."""

    number: int
    digest: str
    path: str


def note(run: str, entry: Entry, environment: Mapping[str, str] = os.environ) -> None:
    """Add a line; KeyStoreError where nothing can be kept."""
    path = _path(run, environment)
    line = strict_json.dumps([entry.number, entry.digest, entry.path]) + "\n"
    try:
        private_directory(path.parent)
        descriptor = os.open(path, _APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())  # one call: lines of several processes do not mix
        finally:
            os.close(descriptor)
    except OSError as error:
        raise KeyStoreError(f"No record of this run can be kept in {path}: {error.strerror or error}.") from None


def read(run: str, environment: Mapping[str, str] = os.environ) -> list[Entry] | None:
    """What this run has saved, the earliest first; None if this machine has no record of it."""
    path = _path(run, environment)
    try:
        with path.open("rb") as stream:
            lines = stream.read(_LARGEST).decode().splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyStoreError(f"The record {path} cannot be read: {error}.") from None
    entries = []
    for line in lines:
        try:
            found = strict_json.loads(line, depth=1, values=8, what=str(path))
        except FormatError:
            continue  # a process died while it wrote the line
        match found:
            case [int(number), str(digest), str(place)]:
                entries.append(Entry(number, digest, place))
            case _:
                continue
    return entries


def _path(run: str, environment: Mapping[str, str]) -> Path:
    if not _RUN.fullmatch(run):  # it may come out of a file
        raise KeyStoreError(f"{run[:80]!r} is not the name of a run.")
    return home(environment) / _RUNS / f"{run}.jsonl"
