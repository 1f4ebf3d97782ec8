"""A file of YAML, JSON or TOML as nodes with lines, whatever its encoding, and at bounded cost."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from typing import Final

from leyden.audit.config.building import Parsed
from leyden.audit.config.from_json import parse_json
from leyden.audit.config.from_toml import parse_toml
from leyden.audit.config.from_yaml import parse_yaml
from leyden.audit.config.shapes import suffix
from leyden.audit.finding import Budget, File, LimitError

LARGEST: Final = 8 << 20  # bytes; what is longer is data

PARSERS: Final[Mapping[str, Callable[[str, Budget], Parsed]]] = {
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
    ".json": parse_json,
    ".jsonc": parse_json,
    ".toml": parse_toml,
}
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def parsed(file: File) -> Parsed:
    """What a file with one of the suffixes in ``PARSERS`` holds; LimitError where it costs too much."""
    return parse(file.name, decoded(file.data), file.budget)


def parse(name: str, text: str, budget: Budget) -> Parsed:
    """What the text of a file holds whose name ``suffix`` knows."""
    return PARSERS[suffix(name)](text, budget)


def decoded(data: memoryview) -> str:
    """Text in UTF-8, UTF-16 or UTF-32, by its mark or its zeros, else in Windows-1252, which holds Latin-1."""
    if len(data) > LARGEST:
        raise LimitError(f"it is configuration of over {LARGEST:,} bytes")
    head = bytes(data[:4])
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return str(data, encoding, "replace")
    if len(data) >= 4 and head[1] == head[3] == 0 and head[0] and head[2]:
        return str(data, "utf-16-le", "replace")
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        return str(data, "cp1252", "replace")
