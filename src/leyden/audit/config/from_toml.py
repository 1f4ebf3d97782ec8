"""TOML by the standard library's reader, with the lines on which its keys are found in the text."""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from typing import Final

from leyden.audit.config.building import Builder, Parsed
from leyden.audit.config.nodes import Path, Scalar
from leyden.audit.finding import Budget
from leyden.errors import SettingsError
from leyden.wire import pyproject

_PART: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED: Final = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART}){{0,30}}"
_LINE: Final = re.compile(
    rf"[ \t]*(?:\[\[[ \t]*(?P<many>{_DOTTED})[ \t]*\]\]|\[[ \t]*(?P<table>{_DOTTED})[ \t]*\]|(?P<key>{_DOTTED})[ \t]*=)"
)
_OTHERWISE: Final = "leave it out with `exclude`"


def parse_toml(text: str, budget: Budget) -> Parsed:
    """The document in ``text``; LimitError beyond the limits."""
    builder = Builder(budget)
    try:
        value = pyproject.table(text.encode("utf-8", "replace"), (), "It", _OTHERWISE)
    except SettingsError as error:
        builder.malformed(str(error), 1)
        return builder.parsed()
    _build(builder, value, (), _lines(text, budget), 1)
    return builder.parsed()


def _build(builder: Builder, value: object, path: Path, lines: AnyMapping[Path, int], line: int) -> None:
    line = lines.get(path, line)
    if isinstance(value, dict):
        builder.begin("mapping", line, 1)
        for key, inner in value.items():
            at = lines.get((*path, key), line)
            builder.scalar(Scalar(key, at, 1))
            _build(builder, inner, (*path, key), lines, at)
        builder.end()
    elif isinstance(value, list):
        builder.begin("sequence", line, 1)
        for at, inner in enumerate(value):
            _build(builder, inner, (*path, at), lines, line)
        builder.end()
    elif isinstance(value, str):
        builder.scalar(Scalar(value, line, 1))
    else:
        builder.scalar(Scalar(str(value).lower() if isinstance(value, bool) else str(value), line, 1, plain=True))


def _lines(text: str, budget: Budget) -> dict[Path, int]:
    """On which line each key begins. A line inside of a longer text may look like one; then it is a little off."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.split("\n"), 1):
        if number % 1_000 == 0:
            budget.take()
        found = _LINE.match(line)
        if found is None:
            continue
        if found["many"] is not None:
            name = _names(found["many"])
            counts[name] = counts.get(name, -1) + 1
            table = (*name, counts[name])
            lines.setdefault(name, number)
        elif found["table"] is not None:
            table = _names(found["table"])
        path = table if found["key"] is None else (*table, *_names(found["key"]))
        for length in range(len(table) + 1, len(path) + 1) if found["key"] is not None else (len(path),):
            lines.setdefault(path[:length], number)
    return lines


def _names(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))
