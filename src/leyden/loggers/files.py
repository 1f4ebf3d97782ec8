"""Files and directories of a run: what an earlier one has left."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from leyden.checkpoint import remote_files
from leyden.security import paths
from leyden.security.remote import Place, Remote


def set_aside(files: Sequence[Path]) -> list[Path]:
    """Rename those files that exist, all with the same first free number: ``metrics.csv`` becomes ``metrics.1.csv``."""
    there = [path for path in files if os.path.lexists(path)]
    if not there:
        return []
    for number in count(1):
        names = [path.with_name(f"{path.stem}.{number}{path.suffix}") for path in there]
        if not any(os.path.lexists(name) for name in names):
            break
    for path, name in zip(there, names, strict=True):
        paths.set_aside(path, name.name)
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
