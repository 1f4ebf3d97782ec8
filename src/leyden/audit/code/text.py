"""A Python file or a notebook as syntax trees; nothing in it is compiled or run."""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.code.notebook import LARGEST_NOTEBOOK, cells, without_magics
from leyden.audit.finding import File, LimitError, Place
from leyden.audit.lines import lines_of

LARGEST: Final = 8 << 20  # bytes of Python; generated tables reach one or two


@final
@dataclass(frozen=True)
class Unit:
    """Code that shares one module scope: a file, or all cells of a notebook.

    ``lines`` are those of ``tree``; ``cells`` are, for a notebook, the first line of each cell and its name.
    """

    tree: ast.Module
    lines: Sequence[str]
    place: Place
    cells: Sequence[tuple[int, str]] = ()

    def place_of(self, node: ast.expr | ast.stmt) -> Place:
        """Where a node stands: in a notebook, with the line inside its cell."""
        line, last = node.lineno, node.end_lineno or node.lineno
        name, first = self._cell(line)
        if name:
            return self.place.within(name).at_line(line - first + 1, node.col_offset + 1, last - first + 1)
        return self.place.at_line(line, node.col_offset + 1, last)

    def snippet(self, node: ast.expr | ast.stmt) -> str:
        """The first line of a node as it is written."""
        return self.lines[node.lineno - 1].strip() if node.lineno <= len(self.lines) else ""

    def _cell(self, line: int) -> tuple[str, int]:
        before = bisect_right(self.cells, line, key=lambda cell: cell[0])
        first, name = self.cells[before - 1] if before else (1, "")
        return name, first


@final
class UnparsedError(Exception):
    """Code that no parser of this Python takes; the message says where and why."""


def anything(source: bytes) -> bool:
    """That any text is worth parsing."""
    return True


def parsed(file: File, worth: Callable[[bytes], bool]) -> Unit | None:
    """The code in a file, if ``worth`` says that its text is worth parsing; UnparsedError or LimitError where it
    cannot be looked at."""
    if file.name.endswith(".ipynb"):
        return _notebook(file, worth)
    if len(file.data) > LARGEST:
        raise LimitError(f"it is Python of over {LARGEST:,} bytes")
    source = bytes(file.data)
    if not worth(source):
        return None
    # The parser reads the encoding as Python would; lines are shown as they are decoded most often.
    return Unit(module(source), lines_of(str(source, "utf-8", "replace")), file.place)


def _notebook(file: File, worth: Callable[[bytes], bool]) -> Unit | None:
    if len(file.data) > LARGEST_NOTEBOOK:
        raise LimitError(f"it is a notebook of over {LARGEST_NOTEBOOK:,} bytes")
    lines: list[str] = []
    starts: list[tuple[int, str]] = []
    body: list[ast.stmt] = []
    listed = [*_cells(file)]
    if sum(len(text) for _, text in listed) > LARGEST:
        raise LimitError(f"it is a notebook with code of over {LARGEST:,} letters")
    if not worth("\n".join(text for _, text in listed).encode("utf-8", "replace")):
        return None
    for number, text in listed:
        file.budget.take()
        first = len(lines) + 1
        tree = _cell(number, text)
        ast.increment_lineno(tree, first - 1)
        starts.append((first, f"cell {number}"))
        lines.extend(lines_of(text))
        body.extend(tree.body)
    return Unit(ast.Module(body, []), lines, file.place, starts)


def _cell(number: int, text: str) -> ast.Module:
    try:
        return module(text)
    except UnparsedError:  # with magics, which cannot be told from a line that begins with an operator
        pass
    try:
        return module(without_magics(text))
    except UnparsedError as error:
        raise UnparsedError(f"Cell {number}: {error}") from None


def _cells(file: File) -> Iterator[tuple[int, str]]:
    try:
        yield from cells(file.data)
    except (ValueError, RecursionError) as error:
        raise UnparsedError(f"It is no notebook: {error}") from None


def module(source: bytes | str) -> ast.Module:
    """The syntax tree of a program; UnparsedError says why there is none. Nothing is warned of."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the compiler would say about escapes is the author's business
            return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise UnparsedError(f"{getattr(error, 'msg', None) or error}" + (f" (line {line})" if line else "")) from None
    except (RecursionError, MemoryError):  # the parser's own words for code that is nested too deep
        raise UnparsedError("it is nested too deep") from None
