"""From Python values to nodes of the tree."""

from __future__ import annotations

import base64
import math
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, SimpleNamespace
from typing import Any, Final, NoReturn, TypeAlias, cast, final

from leyden.errors import EncodeError
from leyden.wire import nodes, strict_json
from leyden.wire.envelope import Leaf
from leyden.wire.nodes import (
    CONTAINERS,
    DEEPEST,
    FACTORIES,
    LARGEST_INLINE,
    LARGEST_NUMBER,
    LARGEST_TREE,
    LONGEST_NAME,
    is_unicode,
    label,
    qualified_name,
)
from leyden.wire.strict_json import Json
from leyden.wire.values import STANDARD, Adapter

_FACTORY_NAMES: Final = {factory: name for name, factory in FACTORIES.items()}
# Their identity is nothing that a program can rely on, or cannot be made before what they hold.
_WITHOUT_IDENTITY: Final = (tuple, frozenset)
_CYCLIC: Final = (dict, list)

# Gives the node of a value that no adapter knows.
Others: TypeAlias = "Callable[[Any, Encoder], Json]"


@dataclass(slots=True)
class _Seen:
    """A value that was met, and what came of it. It is kept alive, so that no address is used twice."""

    value: object
    inside: bool  # met inside an object, where identity counts
    cyclic: bool  # may contain itself
    node: Json = None  # None while it is being written
    number: int | None = None


def refuse(value: Any, out: Encoder) -> NoReturn:
    """Say why a value has no encoding."""
    kind = type(value)
    if issubclass(kind, (type, FunctionType, BuiltinFunctionType, MethodType)):
        out.fail(f"is code ({value.__qualname__}), which a checkpoint does not carry. Save its name")
    if issubclass(kind, Enum):
        out.fail(
            f"is a member of the enum {qualified_name(kind)}, which is not registered. Call "
            f"leyden.checkpoint.enums.register_enum({kind.__name__}), or save its value"
        )
    out.fail(f"is a {qualified_name(kind)}, which has no safe encoding. {way_out(kind)}")


def way_out(kind: type) -> str:
    """What can be saved in the place of a value of this class."""
    for base in (dict, list, tuple, set, frozenset, str, int, float, bytes):
        if issubclass(kind, base):
            return f"Save {base.__name__}(value) if its class does not matter"
    if callable(getattr(kind, "state_dict", None)):
        return "Save its state_dict()"
    return "Save what it is made of, as numbers, text, lists, dictionaries and tensors"


@final
class Encoder:
    """One pass over one tree. Adapters call ``text``, ``value``, ``members``, ``blob``, ``leaf`` and ``fail``.

    Values of other types than the adapters' go to ``others``. Inside what it writes, values that are one object stay
    one.
    """

    def __init__(self, adapters: Iterable[Adapter], enums: Mapping[str, type[Enum]], others: Others = refuse) -> None:
        self.leaves: dict[str, Leaf] = {}
        self.hashed = 0  # keys and elements of sets that are open
        self._adapters = {kind: adapter for adapter in (*STANDARD, *adapters) for kind in adapter.types}
        self._enums = {kind: name for name, kind in enums.items()}
        self._others = others
        self._path: list[str] = []
        self._open: list[int] = []
        self._depth = 0
        self._left = nodes.MOST_VALUES
        self._inside = 0
        self._objects = 0
        self._seen: dict[int, _Seen] = {}
        self._same: list[tuple[dict[str, Json], _Seen]] = []

    def tree(self, tree: Mapping[str, object]) -> Json:
        """The node of the whole tree."""
        root = self.value(dict(tree))
        if self._same:
            root = _numbered(root, {id(seen.node): seen for _, seen in self._same}, [0])
            for node, seen in self._same:
                node["$same"] = seen.number
        return root

    def value(self, value: Any) -> Json:
        """Any value of the tree."""
        self._left -= 1
        if self._left < 0:
            self.fail(
                f"comes after {nodes.MOST_VALUES:,} values, the limit. Put plain data into tensors or numpy arrays"
            )
        if self._depth > DEEPEST:
            self.fail(f"lies deeper than {DEEPEST} containers inside one another, the limit")
        kind = type(value)  # and not isinstance, which would ask the value
        if value is None or kind is bool or (kind is int and abs(value) <= LARGEST_NUMBER):
            return cast("Json", value)
        if kind is str:
            return self.text(value)
        if kind is int:
            return {"$int": hex(value)}
        if kind is float:
            return cast(float, value) if math.isfinite(value) else {"$float": repr(value)}
        if kind in self._enums:
            return self._enum(value)
        adapter = self._adapters.get(kind)
        seen = self._seen.get(id(value))
        if seen is not None and (seen.inside or self._inside):
            return self._again(seen)
        if id(value) in self._open:
            self._refuse_cycle()
        if adapter.mutable if adapter is not None else kind not in _WITHOUT_IDENTITY:
            seen = self._seen[id(value)] = _Seen(value, self._inside > 0, kind in _CYCLIC)
        self._depth += 1
        self._open.append(id(value))
        node = self._node(value, adapter)
        self._open.pop()
        self._depth -= 1
        if seen is not None:
            seen.node = node
        return node

    def text(self, text: str) -> Json:
        """Text, or a node where it holds half a surrogate pair, as undecodable file names do."""
        if len(text) > LARGEST_TREE:
            self.fail(f"is text of {len(text):,} characters; {LARGEST_TREE:,} is the limit")
        if is_unicode(text):
            return text
        return {"$str": base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()}

    def members(self, mapping: Mapping[Any, object]) -> Json:
        """A dictionary that is a part of a value and none of its own."""
        if all(type(key) is str and not key.startswith("$") and is_unicode(key) for key in mapping):
            return {key: self._member(key, item) for key, item in mapping.items()}
        return {"$dict": self._pairs(mapping)}

    def blob(self, data: bytes | bytearray | memoryview, alignment: int = 1) -> Json:
        """Bytes: in base64, or as the name of a tensor if they are many."""
        if len(data) <= LARGEST_INLINE:
            return base64.b64encode(data).decode()
        return {"tensor": self.leaf(Leaf("U8", (len(data),), alignment, lambda: memoryview(data)))}

    def leaf(self, leaf: Leaf) -> str:
        """Store a tensor under a name made from the path; returns the name."""
        base = ".".join(self._path).encode("utf-8", "replace").decode()[:LONGEST_NAME]
        name, turn = base, 1
        while name in self.leaves or name in ("", "__metadata__"):
            turn += 1
            name = f"{base}~{turn}"
        self.leaves[name] = leaf
        return name

    def may_contain(self, value: object) -> None:
        """From here on, what ``value`` holds may refer to it."""
        self._seen[id(value)].cyclic = True

    def fail(self, problem: str) -> NoReturn:
        """Raise EncodeError about the value that is being written."""
        raise EncodeError(f"{'.'.join(self._path) or 'The checkpoint'} {problem}.")

    def _node(self, value: Any, adapter: Adapter | None) -> Json:
        if adapter is not None:
            return {f"${adapter.tag}": adapter.encode(value, self)}
        if type(value) in CONTAINERS:
            return self._container(value)
        self._inside += 1
        self._objects += 1
        self._seen[id(value)].inside = True
        node = self._others(value, self)
        self._inside -= 1
        return node

    def _again(self, seen: _Seen) -> Json:
        if seen.node is None and not seen.cyclic:
            self._refuse_cycle()
        node: dict[str, Json] = {"$same": None}
        self._same.append((node, seen))
        return node

    def _refuse_cycle(self) -> NoReturn:
        self.fail("contains itself. Remove the cycle: outside of objects, a checkpoint is a tree")

    def _container(self, value: Any) -> Json:
        kind = type(value)
        named = kind is Namespace or kind is SimpleNamespace
        if kind is not OrderedDict and not named and getattr(value, "__dict__", None):
            self.fail(f"is a {kind.__name__} with attributes, which would be lost")
        if kind is dict:
            return self.members(value)
        if kind is list:
            return self._items(value)
        if kind is tuple:
            return {"$tuple": self._items(value)}
        if kind is set or kind is frozenset:
            return {f"${kind.__name__}": self._elements(value)}
        if kind is OrderedDict:
            return self._ordered(value)
        if kind is Counter:
            return {"$Counter": self._pairs(value)}
        if kind is deque:
            return {"$deque": [self._items(value), self.value(value.maxlen)]}
        if named:
            return {f"${kind.__name__}": self._pairs(vars(value))}
        assert kind is defaultdict
        if value.default_factory is not None and value.default_factory not in _FACTORY_NAMES:
            self.fail("is a defaultdict whose factory is not a built-in type. Save dict(value)")
        factory = value.default_factory
        return {"$defaultdict": [None if factory is None else _FACTORY_NAMES[factory], self._pairs(value)]}

    def _elements(self, value: Iterable[object]) -> list[Json]:
        before = self._objects
        self.hashed += 1
        items = self._items(value)
        self.hashed -= 1
        if self._objects != before:  # a reader must meet each object before what refers to it
            return items
        return sorted(items, key=strict_json.dumps)  # so that the same set is always the same text

    def _ordered(self, value: OrderedDict[Any, Any]) -> Json:
        attributes = vars(value)
        if not attributes:
            return {"$OrderedDict": self._pairs(value)}
        if attributes.keys() != {"_metadata"}:  # which torch puts on a state dict
            self.fail("is an OrderedDict with attributes, which would be lost")
        return {"$state_dict": [self._pairs(value), self._member("_metadata", attributes["_metadata"])]}

    def _items(self, values: Iterable[object]) -> list[Json]:
        return [self._member(str(index), item) for index, item in enumerate(values)]

    def _pairs(self, mapping: Mapping[Any, object]) -> list[Json]:
        return [
            [self._key(key), self._member(label(key, index), item)] for index, (key, item) in enumerate(mapping.items())
        ]

    def _key(self, key: object) -> Json:
        self.hashed += 1
        node = self._member("key", key)
        self.hashed -= 1
        return node

    def _member(self, label: str, item: object) -> Json:
        self._path.append(label)
        body = self.value(item)
        self._path.pop()
        return body

    def _enum(self, value: Any) -> Json:
        kind = type(value)
        if kind.__members__.get(value.name) is not value:
            self.fail(f"is a combination of members of {qualified_name(kind)}. Save its value")
        return {"$enum": [self._enums[kind], value.name]}


def _numbered(node: Json, shared: Mapping[int, _Seen], count: list[int]) -> Json:
    """``node`` with what is referred to from elsewhere marked and counted, in the order of the text."""
    seen = shared.get(id(node)) if isinstance(node, (dict, list)) else None
    if seen is not None:
        seen.number = count[0]
        count[0] += 1
    if isinstance(node, dict):
        for key, member in node.items():
            node[key] = _numbered(member, shared, count)
    elif isinstance(node, list):
        for index, member in enumerate(node):
            node[index] = _numbered(member, shared, count)
    return node if seen is None else {"$shared": node}
