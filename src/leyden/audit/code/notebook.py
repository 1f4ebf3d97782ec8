"""The code cells of a Jupyter notebook, as Python (https://nbformat.readthedocs.io)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from leyden.audit.lines import lines_of

LARGEST_NOTEBOOK: Final = 256 << 20  # bytes, most of them pictures
# A cell whose first line is one of these is not Python.
_OTHER: Final = re.compile(r"%%(?!(time|timeit|capture|prun)\b)\w+")
# Each reads a line once, however long somebody has made it: no part can begin in the middle of the one before.
_MAGIC: Final = re.compile(r"(\s*)([%!?].*|[\w.]+\?{1,2}\s*)")
_ASSIGNED: Final = re.compile(r"(\s*)(\w[\w, ]*=\s*)([%!].*)")


def cells(data: memoryview) -> Iterator[tuple[int, str]]:
    """Number (from 1, over all cells) and text of each code cell as it is; ValueError if this is no notebook."""
    # As json.loads takes bytes, without a copy of a file that may be large.
    notebook = json.loads(str(data, json.detect_encoding(bytes(data[:4])), "surrogatepass"))
    if not isinstance(notebook, dict):
        raise ValueError("its root is no object")
    listed = notebook.get("cells")
    if listed is None:  # version 3
        sheets = notebook.get("worksheets", [])
        listed = [cell for sheet in sheets if isinstance(sheet, dict) for cell in _list(sheet.get("cells"))]
    for number, cell in enumerate(_list(listed), 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            yield number, _text(cell.get("source", cell.get("input", "")))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("its cells are no list")
    return value


def _text(source: Any) -> str:
    """Notebooks keep a text or a list of its lines."""
    parts = source if isinstance(source, list) else [source]
    if not all(isinstance(part, str) for part in parts):
        raise ValueError("the source of a cell is no text")
    return "".join(parts)


def without_magics(text: str) -> str:
    """A cell with each magic and shell command as a line that does nothing, so that all lines keep their numbers."""
    if _OTHER.match(text.lstrip()):
        return "\n".join("#" for _ in lines_of(text))
    lines = lines_of(text)
    continued = False
    for number, line in enumerate(lines):
        if continued:
            continued = line.rstrip().endswith("\\")
            lines[number] = "#"
        elif found := _ASSIGNED.fullmatch(line):
            lines[number] = f"{found[1]}{found[2]}None"
            continued = line.rstrip().endswith("\\")
        elif found := _MAGIC.fullmatch(line):
            lines[number] = f"{found[1]}pass"
            continued = line.rstrip().endswith("\\")
    return "\n".join(lines) + "\n"
