"""Hyperparameters as a file that people read: YAML of plain data, read with limits and without tags."""

from __future__ import annotations

import argparse
import csv
import datetime
import enum
import io
import re
import sys
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, ClassVar, Final, final

import yaml
from torch import Tensor
from yaml import AliasEvent, MappingNode, Node
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from leyden.core.warnings import warn
from leyden.errors import FormatError
from leyden.runtime.rank_zero import rank_zero_only
from leyden.security.paths import replacing
from leyden.security.redact import redacted

LARGEST_FILE: Final = 1 << 20  # bytes
MOST_VALUES: Final = 100_000  # counted as if each alias were written out
DEEPEST: Final = 64

_warn_on_rank_zero: Final = rank_zero_only(warn)
_TUPLE: Final = "tag:yaml.org,2002:python/tuple"
_KEYS: Final = (str, int, float, type(None))
_OUT: Final = object()  # instead of a value that is not plain data
_WORDS: Final = {"True": True, "False": False, "None": None}
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,4000}")
_DECIMAL: Final = re.compile(r"[+-]?(?:inf|nan|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)", re.IGNORECASE)


def save_hparams_yaml(path: str | Path, hparams: Mapping[str, Any]) -> None:
    """Write ``dump_hparams(hparams)`` to a private file, whole or not at all."""
    text = dump_hparams(hparams)
    with replacing(Path(path)) as stream:
        stream.write(text.encode())


def dump_hparams(hparams: Mapping[str, Any]) -> str:
    """``hparams`` as YAML that any safe loader reads: enums by name, paths as text, tuples and sets as lists.

    What is not plain data is left out, with one warning that names it.
    """
    left_out: list[str] = []
    plain = _plain_items(redacted(hparams), "", left_out)
    if left_out:
        _warn_on_rank_zero(
            f"These hyperparameters are not plain data and are left out of the YAML file: {', '.join(left_out)}."
        )
    return yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def load_hparams_yaml(path: str | Path) -> dict[str, Any]:
    """Read what ``save_hparams_yaml`` wrote, or any such file; FormatError for all but a mapping of plain data."""
    path = Path(path)
    text = _text(path)
    try:
        data = _Loader(text).get_single_data() or {}
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise FormatError(f"{path} is not YAML of plain data: {error}") from None
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise FormatError(
            f"{path} is not a mapping of names to hyperparameters. Write one line 'name: value' for each."
        )
    return data


def load_hparams_csv(path: str | Path) -> dict[str, Any]:
    """Read a table with the columns ``key`` and ``value``; numbers, True, False and None are read as such."""
    path = Path(path)
    rows = csv.reader(io.StringIO(_text(path)), strict=True)
    try:
        head, *lines = rows
        pairs = [(key, _cell(value)) for key, value in lines]
    except (csv.Error, ValueError):
        head, pairs = [], []
    if head != ["key", "value"] or len({key for key, _ in pairs}) < len(pairs):
        raise FormatError(f"{path} is not a table with the columns key and value, and each key once.")
    return dict(pairs)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise FormatError(f"{path} is larger than {LARGEST_FILE >> 20} MiB, the limit for hyperparameters.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError(f"{path} is not text in UTF-8.") from None


def _cell(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _plain_items(items: Mapping[Any, Any], where: str, left_out: list[str], depth: int = 0) -> dict[Any, Any]:
    """The items whose keys and values are plain data; the names of the others go to ``left_out``."""
    plain = {}
    for key, value in items.items():
        name = f"{where}{key}" if isinstance(key, str) else f"{where}{type(key).__name__}"
        made = _plain(value, f"{name}.", left_out, depth)
        label = _plain(key, "", [], DEEPEST)
        if made is _OUT or not isinstance(label, _KEYS):
            left_out.append(name)
        else:
            plain[label] = made
    return plain


def _plain(value: Any, where: str, left_out: list[str], depth: int) -> Any:
    """``value`` as plain data, or ``_OUT``."""
    if depth > DEEPEST:
        return _OUT
    match value:
        case None | bool():
            return value
        case enum.Enum():
            return value.name
        case int():
            return int(value)
        case float():
            return float(value)
        case str() | PurePath():
            return str(value)
        case argparse.Namespace():
            return _plain_items(vars(value), where, left_out, depth + 1)
        case Mapping():
            return _plain_items(value, where, left_out, depth + 1)
        case set() | frozenset():
            return _plain(sorted(value, key=str), where, left_out, depth)
        case bytes() | bytearray():
            return _OUT
        case Sequence():
            items = [_plain(item, f"{where}{index}.", left_out, depth + 1) for index, item in enumerate(value)]
            return _OUT if any(item is _OUT for item in items) else items
        case _ if _is_scalar(value):
            return _plain(value.item(), where, left_out, depth + 1)
        case _:
            return value if type(value) in (datetime.date, datetime.datetime) else _OUT


def _is_scalar(value: Any) -> bool:
    """A number in a tensor or out of numpy, which is not imported for this."""
    if isinstance(value, Tensor):
        return value.dim() == 0
    return type(value).__module__ == "numpy" and isinstance(value, sys.modules["numpy"].generic)


@final
class _Dumper(yaml.SafeDumper):
    """Writes an object that occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _tuple(loader: yaml.SafeLoader, node: Node) -> tuple[Any, ...]:
    if not isinstance(node, yaml.SequenceNode):
        raise ConstructorError(None, None, "a tuple that is no sequence", node.start_mark)
    return tuple(loader.construct_sequence(node, deep=True))


@final
class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with limits, and without repeated keys. The mark of Lightning's files for tuples is read."""

    yaml_constructors: ClassVar[Any] = {**yaml.SafeLoader.yaml_constructors, _TUPLE: _tuple}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._values = 0
        self._sizes: dict[Node, int] = {}

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Count what is there as if each alias were written out, before anything is built from it."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        alias = self.check_event(AliasEvent)
        before = self._values
        self._depth += 1
        if self._depth > DEEPEST:
            raise ComposerError(None, None, f"deeper than {DEEPEST} collections, the limit", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is None:
            return None
        if alias and node not in self._sizes:
            raise ComposerError(None, None, "a collection that contains itself", mark)
        self._values += self._sizes[node] if alias else 1
        self._sizes.setdefault(node, self._values - before)
        if self._values > MOST_VALUES:
            raise ComposerError(None, None, f"more than {MOST_VALUES:,} values, the limit", mark)
        return node

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A dictionary, if no key occurs twice."""
        seen = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in seen:
                raise ConstructorError(None, None, f"the key {str(key.value)[:100]!r} a second time", key.start_mark)
            seen.add((key.tag, str(key.value)))
        return super().construct_mapping(node, deep)
