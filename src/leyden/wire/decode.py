"""From nodes of the tree to Python values."""

from __future__ import annotations

import base64
import binascii
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NoReturn, final

from leyden.errors import FormatError
from leyden.wire import nodes
from leyden.wire.nodes import DEEPEST, FACTORIES, LARGEST_NUMBER, NAMESPACES, label
from leyden.wire.strict_json import Json
from leyden.wire.values import STANDARD, Adapter

_MOST_COLLISIONS = 64
_OPEN: Final = object()  # a shared value that is being read and cannot be referred to yet


@final
class Decoder:
    """One pass over one parsed tree. Adapters call ``text``, ``value``, ``members``, ``blob`` and ``fail``.

    A cyclic adapter also takes its ``place`` before it reads anything, and ``put``s there what it has made.
    """

    def __init__(
        self,
        blobs: Mapping[str, memoryview],
        adapters: Iterable[Adapter],
        enums: Mapping[str, type[Enum]],
        where: str,
        *,
        identity: bool = False,
    ) -> None:
        self.used: set[str] = set()
        self.path: list[str] = []
        self.hashed = 0  # keys and elements of sets that are open
        self._blobs = blobs
        self._adapters = {adapter.tag: adapter for adapter in (*STANDARD, *adapters)}
        self._enums = enums
        self._where = where
        self._identity = identity
        self._shared: list[object] = []
        self._place: int | None = None
        self._depth = 0
        self._left = nodes.MOST_VALUES

    def value(self, node: Json) -> Any:
        """Any value of the tree."""
        self._left -= 1
        if self._left < 0:
            self.fail(f"comes after {nodes.MOST_VALUES:,} values, the limit")
        if self._depth > DEEPEST:
            self.fail(f"lies deeper than {DEEPEST} containers inside one another, the limit")
        self._depth += 1
        value = self._value(node, None)
        self._depth -= 1
        return value

    def members(self, node: Json) -> dict[str, Any]:
        """What ``Encoder.members`` wrote, with text for keys."""
        members = self._value(node, None)
        if type(members) is not dict or not all(type(key) is str for key in members):
            self.fail("is not a dictionary with text for keys")
        return members

    def place(self) -> int | None:
        """Where to ``put`` the value that is being read; taken first by whatever may contain itself."""
        place, self._place = self._place, None
        return place

    def put(self, place: int | None, value: object) -> None:
        """From here on, references to the value mean this object."""
        if place is not None:
            self._shared[place] = value

    def text(self, node: Json) -> str:
        """What ``Encoder.text`` wrote."""
        if isinstance(node, dict) and len(node) == 1 and isinstance(encoded := node.get("$str"), str):
            return self._surrogates(encoded)
        return node if isinstance(node, str) else self.fail("is not text")

    def _value(self, node: Json, place: int | None) -> Any:
        if isinstance(node, list):
            items: list[Any] = []
            self.put(place, items)
            items.extend(self._items(node))
            return items
        if not isinstance(node, dict):
            if type(node) is int and abs(node) > LARGEST_NUMBER:
                self.fail("is an integer beyond 2**53 that is not written as one")
            return node
        if not any(key.startswith("$") for key in node):
            members: dict[str, Any] = {}
            self.put(place, members)
            for key, item in node.items():
                members[key] = self._member(key, item)
            return members
        if len(node) != 1:
            self.fail("has a key that begins with $ among others")
        [(key, body)] = node.items()
        return self._node(key[1:], body, place)

    def blob(self, body: Json) -> memoryview:
        """The bytes that ``Encoder.blob`` wrote, writable if they lie in a tensor."""
        if isinstance(body, str):
            return memoryview(self._base64(body))
        name = body.get("tensor") if isinstance(body, dict) and len(body) == 1 else None
        if not isinstance(name, str):
            self.fail("is not bytes")
        if name not in self._blobs:
            self.fail(f"refers to the tensor {name[:200]!r}, which is not in the file or not U8")
        # A second use would let a small file ask for a copy of a large tensor any number of times.
        if name in self.used:
            self.fail(f"refers to the tensor {name[:200]!r}, which is in use")
        self.used.add(name)
        return self._blobs[name]

    def fail(self, problem: str) -> NoReturn:
        """Raise FormatError about the node that is being read."""
        raise FormatError(f"{self._where}: {'.'.join(self.path)[:500] or 'the tree'} {problem}.")

    def _node(self, tag: str, body: Json, place: int | None) -> object:
        adapter = self._adapters.get(tag)
        if adapter is not None:
            self._place = place if adapter.cyclic else None
            return adapter.decode(body, self)
        match tag, body:
            case "shared", _ if self._identity:
                return self._share(body)
            case "shared", _:  # nothing can refer to it
                return self._value(body, None)
            case "same", int(number) if self._identity and type(number) is int:
                return self._referred(number)
            case "int", str(digits):
                return self._integer(digits)
            case "float", "nan" | "inf" | "-inf":
                return float(str(body))
            case "str", str(encoded):
                return self._surrogates(encoded)
            case "enum", [str(kind), str(name)]:
                return self._enum(kind, name)
            case "dict", list(pairs):
                mapping: dict[Any, Any] = {}
                self.put(place, mapping)
                mapping.update(self._pairs(pairs))
                return mapping
            case "tuple", list(items):
                return tuple(self._items(items))
            case "set", list(items):
                return set(self._elements(items))
            case "frozenset", list(items):
                return frozenset(self._elements(items))
            case "OrderedDict", list(pairs):
                return OrderedDict(self._pairs(pairs))
            case "state_dict", [list(pairs), metadata]:
                ordered = OrderedDict(self._pairs(pairs))
                vars(ordered)["_metadata"] = self._member("_metadata", metadata)
                return ordered
            case "Counter", list(pairs):
                counter: Counter[Any] = Counter()
                dict.update(counter, self._pairs(pairs))
                return counter
            case "deque", [list(items), length]:
                return self._deque(items, self.value(length))
            case "Namespace" | "SimpleNamespace", list(pairs):
                return self._namespace(tag, self._pairs(pairs))
            case "defaultdict", [None | str() as factory, list(pairs)] if factory is None or factory in FACTORIES:
                return defaultdict(None if factory is None else FACTORIES[factory], self._pairs(pairs))
        return self.fail(f"is a node {'$' + tag[:40]!r} that this version of Leyden does not know, or a malformed one")

    def _share(self, body: Json) -> object:
        place = len(self._shared)
        self._shared.append(_OPEN)
        self._shared[place] = value = self._value(body, place)
        return value

    def _referred(self, number: int) -> object:
        if not 0 <= number < len(self._shared):
            self.fail(f"refers to shared value {number}, which does not come before it")
        if self._shared[number] is _OPEN:
            self.fail("contains itself where that cannot be")
        return self._shared[number]

    def _elements(self, items: Sequence[Json]) -> list[Any]:
        self.hashed += 1
        elements = self._items(items)
        self.hashed -= 1
        return self._hashable(elements)

    def _items(self, items: Sequence[Json]) -> list[Any]:
        return [self._member(str(index), item) for index, item in enumerate(items)]

    def _pairs(self, pairs: Sequence[Json]) -> dict[Any, Any]:
        keys: list[Any] = []
        values: list[Any] = []
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                self.fail("has a member that is not a pair of key and value")
            self.hashed += 1
            keys.append(self._member("key", pair[0]))
            self.hashed -= 1
            values.append(self._member(label(keys[-1], len(values)), pair[1]))
        return dict(zip(self._hashable(keys), values, strict=True))

    def _hashable(self, keys: list[Any]) -> list[Any]:
        """``keys``, if they are distinct and can be keys."""
        try:
            # As text, whose own hash nobody can foresee: numbers and tuples can be chosen so that all hashes agree,
            # and a dictionary of them would take hours to build.
            hashes = Counter(str(hash(key)) for key in keys)
        except TypeError:
            self.fail("has a key or an element that cannot be one, such as a list")
        if any(count > _MOST_COLLISIONS for count in hashes.values()):
            self.fail("has keys that were chosen to be slow")
        if len(set(keys)) != len(keys):
            self.fail("has the same key or element twice")
        return keys

    def _member(self, label: str, item: Json) -> Any:
        self.path.append(label)
        value = self.value(item)
        self.path.pop()
        return value

    def _deque(self, items: Sequence[Json], length: Any) -> deque[Any]:
        if length is not None and (type(length) is not int or not len(items) <= length <= sys.maxsize):
            self.fail("is a deque of an impossible length")
        return deque(self._items(items), length)

    def _integer(self, digits: str) -> int:
        try:
            return int(digits, 16)
        except ValueError:
            return self.fail("is not an integer")

    def _base64(self, encoded: str) -> bytes:
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return self.fail("is not base64")

    def _surrogates(self, encoded: str) -> str:
        try:
            return self._base64(encoded).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return self.fail("is not text")

    def _enum(self, kind: str, name: str) -> Enum:
        members = self._enums.get(kind)
        if members is None:
            self.fail(
                f"is a member of the enum {kind[:200]!r}, which is not registered in this program. Import it and "
                "call leyden.checkpoint.enums.register_enum with it first: nothing is imported because a file names it"
            )
        if name not in members.__members__:
            self.fail(f"is {name[:200]!r}, which is not a member of the enum {kind[:200]!r}")
        return members.__members__[name]

    def _namespace(self, tag: str, attributes: dict[Any, Any]) -> object:
        if not all(type(name) is str for name in attributes):
            self.fail("has an attribute whose name is not text")
        namespace = NAMESPACES[tag]()
        vars(namespace).update(attributes)  # not setattr, which __class__ would listen to
        return namespace
