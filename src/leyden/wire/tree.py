"""A tree of Python values as JSON text beside a list of tensors, and back, with nothing guessed and nothing run.

What JSON has is written as itself. All else is a node: an object with one key, which begins with ``$``. A dictionary
of the user's with such a key, or with a key that is not text, becomes a ``$dict`` node: no value is taken for a node.
"""

from __future__ import annotations

import base64
import binascii
import math
import sys
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final, NoReturn, final

from leyden.errors import EncodeError, FormatError
from leyden.wire import strict_json
from leyden.wire.envelope import Leaf
from leyden.wire.strict_json import Json
from leyden.wire.values import STANDARD, Adapter

LARGEST_TREE: Final = 64 << 20  # characters of JSON
MOST_VALUES: Final = 1 << 21
DEEPEST: Final = 64  # containers inside containers
LARGEST_INLINE: Final = 1024  # bytes; more become a U8 tensor
LARGEST_NUMBER: Final = 2**53  # integers beyond are not exact in every JSON reader
LONGEST_NAME: Final = 300
_JSON_LEVELS = 4 * DEEPEST + 8  # of one container, at most four are JSON's
_MOST_COLLISIONS = 64
_FACTORIES: Final[Mapping[str, Callable[[], object]]] = {
    "list": list,
    "dict": dict,
    "set": set,
    "tuple": tuple,
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "bytes": bytes,
}
_FACTORY_NAMES: Final = {factory: name for name, factory in _FACTORIES.items()}


@final
@dataclass(frozen=True)
class Encoded:
    """A tree as text, and the tensors that it names."""

    text: str
    leaves: Mapping[str, Leaf]


def encode(tree: Mapping[str, object], adapters: Iterable[Adapter], enums: Mapping[str, type[Enum]]) -> Encoded:
    """Write ``tree`` as text and tensors; EncodeError names the first value that cannot be written, by its path."""
    encoder = Encoder(adapters, enums)
    text = strict_json.dumps(encoder.value(dict(tree)))
    if len(text) > LARGEST_TREE:
        raise EncodeError(
            f"The tree takes {len(text):,} characters; {LARGEST_TREE:,} is the limit. "
            "Put large plain data into tensors or numpy arrays."
        )
    return Encoded(text, encoder.leaves)


def decode(
    text: str,
    blobs: Mapping[str, memoryview],
    adapters: Iterable[Adapter],
    enums: Mapping[str, type[Enum]],
    where: str,
) -> tuple[dict[str, Any], set[str]]:
    """The tree that ``encode`` wrote and the names of the tensors that it uses; FormatError for any other text.

    ``blobs`` gives the bytes of a tensor by its name, ``where`` names the file in errors.
    """
    if len(text) > LARGEST_TREE:
        raise FormatError(f"{where}: the tree takes {len(text):,} characters; {LARGEST_TREE:,} is the limit.")
    parsed = strict_json.loads(text, depth=_JSON_LEVELS, values=4 * MOST_VALUES, what=f"{where}: the tree")
    decoder = Decoder(blobs, adapters, enums, where)
    tree = decoder.value(parsed)
    if type(tree) is not dict or not all(type(key) is str for key in tree):
        raise FormatError(f"{where}: the tree is not a dictionary with text for keys.")
    return tree, decoder.used


@final
class Encoder:
    """One pass over one tree. Adapters call ``text``, ``value``, ``blob``, ``leaf`` and ``fail``."""

    def __init__(self, adapters: Iterable[Adapter], enums: Mapping[str, type[Enum]]) -> None:
        self.leaves: dict[str, Leaf] = {}
        self._adapters = {kind: adapter for adapter in (*STANDARD, *adapters) for kind in adapter.types}
        self._enums = {kind: name for name, kind in enums.items()}
        self._path: list[str] = []
        self._open: list[int] = []
        self._depth = 0
        self._left = MOST_VALUES

    def value(self, value: object) -> Json:
        """Any value of the tree."""
        self._left -= 1
        if self._left < 0:
            self.fail(f"comes after {MOST_VALUES:,} values, the limit. Put plain data into tensors or numpy arrays")
        if self._depth > DEEPEST:
            self.fail(f"lies deeper than {DEEPEST} containers inside one another, the limit")
        match value:
            case None | True | False:
                return value
            case str() if type(value) is str:
                return self.text(value)
            case int() if type(value) is int:
                return value if abs(value) <= LARGEST_NUMBER else {"$int": hex(value)}
            case float() if type(value) is float:
                return value if math.isfinite(value) else {"$float": repr(value)}
        if isinstance(value, Enum):
            return self._enum(value)
        adapter = self._adapters.get(type(value))
        if adapter is None and type(value) not in _CONTAINERS:
            self.fail(_no_encoding(value))
        self._depth += 1
        node: Json = self._container(value) if adapter is None else {f"${adapter.tag}": adapter.encode(value, self)}
        self._depth -= 1
        return node

    def text(self, text: str) -> Json:
        """Text, or a node where it holds half a surrogate pair, as undecodable file names do."""
        if len(text) > LARGEST_TREE:
            self.fail(f"is text of {len(text):,} characters; {LARGEST_TREE:,} is the limit")
        if _is_unicode(text):
            return text
        return {"$str": base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()}

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

    def fail(self, problem: str) -> NoReturn:
        """Raise EncodeError about the value that is being written."""
        raise EncodeError(f"{'.'.join(self._path) or 'The checkpoint'} {problem}.")

    def _container(self, value: Any) -> Json:
        if id(value) in self._open:
            self.fail("contains itself. Remove the cycle: a checkpoint is a tree")
        self._open.append(id(value))
        body = self._body(value)
        self._open.pop()
        return body

    def _body(self, value: Any) -> Json:
        kind = type(value)
        if kind is not OrderedDict and kind is not Namespace and getattr(value, "__dict__", None):
            self.fail(f"is a {kind.__name__} with attributes, which would be lost")
        if kind is dict:
            if all(type(key) is str and not key.startswith("$") and _is_unicode(key) for key in value):
                return {key: self._member(key, item) for key, item in value.items()}
            return {"$dict": self._pairs(value)}
        if kind is list:
            return self._items(value)
        if kind is tuple:
            return {"$tuple": self._items(value)}
        if kind is set or kind is frozenset:
            # Sorted, so that the same set is always the same text.
            return {f"${kind.__name__}": sorted(self._items(value), key=strict_json.dumps)}
        if kind is OrderedDict:
            return self._ordered(value)
        if kind is Counter:
            return {"$Counter": self._pairs(value)}
        if kind is deque:
            return {"$deque": [self._items(value), self.value(value.maxlen)]}
        if kind is Namespace:
            return {"$Namespace": self._pairs(vars(value))}
        assert kind is defaultdict
        if value.default_factory is not None and value.default_factory not in _FACTORY_NAMES:
            self.fail("is a defaultdict whose factory is not a built-in type. Save dict(value)")
        factory = value.default_factory
        return {"$defaultdict": [None if factory is None else _FACTORY_NAMES[factory], self._pairs(value)]}

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
            [self._member("key", key), self._member(_label(key, index), item)]
            for index, (key, item) in enumerate(mapping.items())
        ]

    def _member(self, label: str, item: object) -> Json:
        self._path.append(label)
        body = self.value(item)
        self._path.pop()
        return body

    def _enum(self, value: Enum) -> Json:
        kind = type(value)
        name = self._enums.get(kind)
        if name is None:
            self.fail(
                f"is a member of the enum {qualified_name(kind)}, which is not registered. Call "
                f"leyden.checkpoint.enums.register_enum({kind.__name__}), or save its value"
            )
        if kind.__members__.get(value.name) is not value:
            self.fail(f"is a combination of members of {qualified_name(kind)}. Save its value")
        return {"$enum": [name, value.name]}


@final
class Decoder:
    """One pass over one parsed tree. Adapters call ``text``, ``value``, ``blob`` and ``fail``."""

    def __init__(
        self,
        blobs: Mapping[str, memoryview],
        adapters: Iterable[Adapter],
        enums: Mapping[str, type[Enum]],
        where: str,
    ) -> None:
        self.used: set[str] = set()
        self._blobs = blobs
        self._adapters = {adapter.tag: adapter for adapter in (*STANDARD, *adapters)}
        self._enums = enums
        self._where = where
        self._path: list[str] = []
        self._depth = 0
        self._left = MOST_VALUES

    def value(self, node: Json) -> Any:
        """Any value of the tree."""
        self._left -= 1
        if self._left < 0:
            self.fail(f"comes after {MOST_VALUES:,} values, the limit")
        if self._depth > DEEPEST:
            self.fail(f"lies deeper than {DEEPEST} containers inside one another, the limit")
        self._depth += 1
        value = self._value(node)
        self._depth -= 1
        return value

    def text(self, node: Json) -> str:
        """What ``Encoder.text`` wrote."""
        if isinstance(node, dict) and len(node) == 1 and isinstance(encoded := node.get("$str"), str):
            return self._surrogates(encoded)
        return node if isinstance(node, str) else self.fail("is not text")

    def _value(self, node: Json) -> Any:
        if isinstance(node, list):
            return self._items(node)
        if not isinstance(node, dict):
            if type(node) is int and abs(node) > LARGEST_NUMBER:
                self.fail("is an integer beyond 2**53 that is not written as one")
            return node
        if not any(key.startswith("$") for key in node):
            return {key: self._member(key, item) for key, item in node.items()}
        if len(node) != 1:
            self.fail("has a key that begins with $ among others")
        [(key, body)] = node.items()
        return self._node(key[1:], body)

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
        raise FormatError(f"{self._where}: {'.'.join(self._path)[:500] or 'the tree'} {problem}.")

    def _node(self, tag: str, body: Json) -> object:
        adapter = self._adapters.get(tag)
        if adapter is not None:
            return adapter.decode(body, self)
        match tag, body:
            case "int", str(digits):
                return self._integer(digits)
            case "float", "nan" | "inf" | "-inf":
                return float(str(body))
            case "str", str(encoded):
                return self._surrogates(encoded)
            case "enum", [str(kind), str(name)]:
                return self._enum(kind, name)
            case "dict", list(pairs):
                return self._pairs(pairs)
            case "tuple", list(items):
                return tuple(self._items(items))
            case "set", list(items):
                return set(self._hashable(self._items(items)))
            case "frozenset", list(items):
                return frozenset(self._hashable(self._items(items)))
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
            case "Namespace", list(pairs):
                return self._namespace(self._pairs(pairs))
            case "defaultdict", [None | str() as factory, list(pairs)] if factory is None or factory in _FACTORIES:
                return defaultdict(None if factory is None else _FACTORIES[factory], self._pairs(pairs))
        return self.fail(f"is a node {'$' + tag[:40]!r} that this version of Leyden does not know, or a malformed one")

    def _items(self, items: Sequence[Json]) -> list[Any]:
        return [self._member(str(index), item) for index, item in enumerate(items)]

    def _pairs(self, pairs: Sequence[Json]) -> dict[Any, Any]:
        keys: list[Any] = []
        values: list[Any] = []
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                self.fail("has a member that is not a pair of key and value")
            keys.append(self._member("key", pair[0]))
            values.append(self._member(_label(keys[-1], len(values)), pair[1]))
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
        self._path.append(label)
        value = self.value(item)
        self._path.pop()
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

    def _namespace(self, attributes: dict[Any, Any]) -> Namespace:
        if not all(type(name) is str for name in attributes):
            self.fail("has an attribute whose name is not text")
        namespace = Namespace()
        vars(namespace).update(attributes)  # not setattr, which __class__ would listen to
        return namespace


_CONTAINERS: Final[frozenset[type]] = frozenset(
    {dict, list, tuple, set, frozenset, OrderedDict, Counter, deque, Namespace, defaultdict}
)


def qualified_name(kind: type) -> str:
    """How a class is named in a file and in messages."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _label(key: Hashable, index: int) -> str:
    """How a key reads in the path of its value."""
    if type(key) is int and abs(key) > LARGEST_NUMBER:  # Python does not write out the largest
        return f"item{index}"
    return str(key) if type(key) in (str, int, float, bool) or key is None else f"item{index}"


def _no_encoding(value: object) -> str:
    kind = type(value)
    named = f"is a {qualified_name(kind)}, which has no safe encoding. "
    if isinstance(value, (type, FunctionType, BuiltinFunctionType, MethodType)):
        return f"is code ({value.__qualname__}), which a checkpoint does not carry. Save its name"
    for base in (dict, list, tuple, set, frozenset, str, int, float, bytes):
        if isinstance(value, base):
            return f"{named}Save {base.__name__}(value) if its class does not matter"
    if callable(getattr(value, "state_dict", None)):
        return f"{named}Save its state_dict()"
    return f"{named}Save what it is made of, as numbers, text, lists, dictionaries and tensors"
