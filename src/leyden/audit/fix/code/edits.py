"""The smallest changes to a program: each names a node of its syntax tree and what becomes of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TypeAlias, final


@final
@dataclass(frozen=True)
class Replace:
    """An expression becomes another one."""

    node: ast.expr
    code: str


@final
@dataclass(frozen=True)
class Begin:
    """A text that is written out begins in another way."""

    node: ast.expr
    old: str
    new: str


@final
@dataclass(frozen=True)
class Append:
    """A call gets one more argument, the last one."""

    node: ast.Call
    name: str
    code: str


@final
@dataclass(frozen=True)
class Drop:
    """A call loses the argument whose value this is."""

    node: ast.Call
    value: ast.expr


@final
@dataclass(frozen=True)
class Rename:
    """Another member of the same owner is taken."""

    node: ast.Attribute
    name: str


Edit: TypeAlias = Replace | Begin | Append | Drop | Rename


class UnfitError(Exception):
    """An edit cannot be made without touching something else; the message says what."""


def text_of(edit: Edit, program: str) -> str:
    """An edit as a phrase, in the words of the program."""
    match edit:
        case Replace():
            return f"`{_written(edit.node, program)}` becomes `{edit.code}`"
        case Begin():
            return f"`{edit.old}` becomes `{edit.new}`"
        case Append():
            return f"`{edit.name}={edit.code}` is added"
        case Drop():
            name = next((keyword.arg for keyword in edit.node.keywords if keyword.value is edit.value), None)
            written = _written(edit.value, program)
            return f"`{name}={written}` is left out" if name else f"`{written}` is left out"
        case Rename():
            return f"`{edit.node.attr}` becomes `{edit.name}`"


def _written(node: ast.expr, program: str) -> str:
    try:
        written = ast.get_source_segment(program, node)
    except (IndexError, UnicodeDecodeError):  # in another encoding, characters stand elsewhere
        written = None
    text = " ".join((written or ast.unparse(node)).split())
    return text if len(text) <= 60 else f"{text[:57]}…"
