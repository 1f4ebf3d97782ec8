"""What a checkpoint holds, without its tensors: its tree with a note in the place of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from leyden.wire import strict_json
from leyden.wire.nodes import JSON_LEVELS, MOST_VALUES
from leyden.wire.safetensors import Entry
from leyden.wire.strict_json import Json


@final
@dataclass(frozen=True)
class Stored:
    """A tensor of a file: the name of its entry, its type, its shape and how many bytes it takes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"


@final
@dataclass(frozen=True)
class Other:
    """A value that JSON lacks, by the name of its node and its plain parts."""

    kind: str
    value: Any

    def __str__(self) -> str:
        return f"{self.kind}({self.value if isinstance(self.value, (str, int, float)) else '…'})"


def outline(text: str, entries: Mapping[str, Entry], where: str) -> dict[str, Any]:
    """The tree in ``text`` as dictionaries, lists, plain values, ``Stored`` and ``Other``; FormatError for no JSON."""
    tree = strict_json.loads(text, depth=JSON_LEVELS, values=MOST_VALUES, what=f"{where}: the tree")
    found = _value(tree, entries)
    return found if isinstance(found, dict) else {"": found}


def stored(name: str, entry: Entry) -> Stored:
    """What a header says of a tensor."""
    return Stored(name, entry.dtype, tuple(entry.shape), entry.stop - entry.start)


def _value(json: Json, entries: Mapping[str, Entry]) -> Any:
    match json:
        case list():
            return [_value(member, entries) for member in json]
        case dict() if len(json) == 1:
            name, body = next(iter(json.items()))
            return _node(name[1:], body, entries) if name.startswith("$") else {name: _value(body, entries)}
        case dict():
            return {name: _value(member, entries) for name, member in json.items()}
        case _:
            return json


def _node(kind: str, body: Json, entries: Mapping[str, Entry]) -> Any:
    match kind, body:
        case "tensor", str(name) | [str(name), *_] if name in entries:
            found = stored(name, entries[name])
            if isinstance(body, list) and len(body) == 3 and isinstance(body[2], list):
                return Stored(name, str(body[1]), tuple(n for n in body[2] if isinstance(n, int)), found.bytes)
            return found
        case "parameter", [data, _]:
            return _node("tensor", data, entries)
        case (("dict" | "OrderedDict" | "Counter" | "Namespace" | "SimpleNamespace"), list(pairs)):
            return _pairs(pairs, entries)
        case "state_dict", [list(pairs), _]:
            return _pairs(pairs, entries)
        case "defaultdict", [_, list(pairs)]:
            return _pairs(pairs, entries)
        case "AttributeDict", _:
            return _value(body, entries)
        case (("tuple" | "set" | "frozenset"), list(members)):
            return [_value(member, entries) for member in members]
        case "int", str(digits) if len(digits) < 4000:
            return int(digits, 16)
        case _:
            return Other(kind, _value(body, entries))


def _pairs(pairs: list[Json], entries: Mapping[str, Entry]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for pair in pairs:
        match pair:
            case [key, value]:
                name = _value(key, entries)
                found[name if isinstance(name, (str, int, float, bool, type(None))) else str(name)] = _value(
                    value, entries
                )
            case _:
                found[f"item{len(found)}"] = _value(pair, entries)
    return found
