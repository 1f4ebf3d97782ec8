"""The modules of a project that a program imports, found without importing them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leyden.audit.code.text import UnparsedError
from leyden.audit.code.trainers import imports
from leyden.audit.finding import Budget, LimitError
from leyden.audit.opening import SpecialError, opened

_MOST: Final = 500  # files


def program(script: Path) -> list[Path]:
    """``script``, and what it imports from its own directory, directly or not. Installed packages are not followed."""
    root = script.parent
    found = {script: None}
    pending = [script]
    while pending and len(found) < _MOST:
        for module in _imported(pending.pop(), root):
            if module not in found and len(found) < _MOST:
                found[module] = None
                pending.append(module)
    return list(found)


def _imported(file: Path, root: Path) -> Iterator[Path]:
    try:
        with opened(str(file), Budget()) as content:
            for level, module, names in imports(content):
                base = root if level == 0 else _above(file.parent, level - 1)
                parts = [part for part in module.split(".") if part]
                for at in range(1, len(parts) + 1):
                    yield from _file(base.joinpath(*parts[:at]))
                for name in names:
                    yield from _file(base.joinpath(*parts, name))
    except (OSError, SpecialError, UnparsedError, LimitError, RecursionError):
        return  # the audit of the file itself says so


def _above(folder: Path, levels: int) -> Path:
    for _ in range(min(levels, 20)):
        folder = folder.parent
    return folder


def _file(path: Path) -> Iterator[Path]:
    for candidate in (path.with_name(path.name + ".py"), path / "__init__.py"):
        if os.path.isfile(candidate):  # noqa: PTH113 - of a name that no file can have it answers no
            yield candidate
