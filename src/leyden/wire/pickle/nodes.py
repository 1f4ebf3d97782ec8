"""What a pickle describes, as data: plain values, and nodes for everything that an unpickler would look up or call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias, final

Value: TypeAlias = Any  # None, bool, int, float, str, bytes, tuple, list, or a node of this module
Name: TypeAlias = "tuple[str, str]"  # a module, and a name in it


@final
@dataclass(frozen=True, eq=False, slots=True)
class Global:
    """A name that an unpickler imports: as Python 3 resolves it, and where the pickle asks for it."""

    module: str
    name: str
    at: int

    @property
    def key(self) -> Name:
        """Module and name, to look it up in a table."""
        return self.module, self.name


@final
@dataclass(eq=False, slots=True)
class Object:
    """What a call would answer, with all that the pickle then puts into it."""

    callee: Value
    arguments: Value
    keywords: Value
    at: int
    state: Value = None  # of the last BUILD
    items: list[Value] | None = None  # of APPEND, APPENDS, ADDITEMS
    pairs: list[Value] | None = None  # of SETITEM, SETITEMS: key, value, key, value

    def calls(self, module: str, name: str) -> bool:
        """Whether it is made by ``module.name``."""
        callee = self.callee
        return isinstance(callee, Global) and callee.name == name and callee.module == module


@final
@dataclass(eq=False, slots=True)
class Dict:
    """A dictionary as it was written: key, value, key, value. Of equal keys the last counts."""

    pairs: list[Value] = field(default_factory=list)

    def get(self, key: str) -> Value:
        """The value under a text, or None."""
        pairs = self.pairs
        for index in range(len(pairs) - 2, -1, -2):
            if type(pairs[index]) is str and pairs[index] == key:
                return pairs[index + 1]
        return None


@final
@dataclass(eq=False, slots=True)
class Set:
    """A set or frozen set as it was written."""

    items: list[Value] = field(default_factory=list)
    frozen: bool = False


@final
@dataclass(frozen=True, eq=False, slots=True)
class Persistent:
    """Something outside of the pickle, by the identity that the program gave it: a storage, in torch's files."""

    identity: Value


@final
@dataclass(frozen=True, eq=False, slots=True)
class Unknown:
    """A value that cannot be known: an extension code, a computed name, a buffer handed over beside the pickle."""

    what: str


@final
@dataclass(frozen=True, eq=False, slots=True)
class Span:
    """Bytes or text too large to copy: where they lie in the data."""

    start: int
    stop: int
    text: bool = False


class Kind(Enum):
    """What a pickle does besides describing plain data."""

    FETCH = "imports a name that is not known to be harmless"
    CALL = "calls a name that is not known to be harmless"
    CALL_RESULT = "calls what another call answered"
    ARGUMENTS = "calls a harmless name with arguments that no program writes"
    MUTATION = "changes something it imported, or uses an operation on what it is not for"
    COMPUTED = "imports under a name that is computed while it is read"
    EXTENSION = "fetches an object through the extension registry"
    FRAME = "has an operation across the end of a frame, or a frame inside a frame"
    NON_ASCII = "has text that readers decode differently"
    COST = "makes its reader allocate far more than the file holds"
    PERSISTENT = "asks its program for an object that is not in the file"
    BUFFER = "needs buffers that are not in the file"


@final
@dataclass(slots=True)
class Event:
    """One thing that a pickle does, at its first occurrence."""

    kind: Kind
    at: int
    operation: str
    name: Name | None = None
    detail: str = ""
    count: int = 1


@final
@dataclass(frozen=True, slots=True)
class Pickle:
    """One pickle, read to its end or to where it breaks."""

    value: Value
    events: tuple[Event, ...]
    names: dict[Name, int]  # every name that would be imported, with the offset of the first time
    called: frozenset[Name]
    protocol: int
    start: int
    stop: int  # the first byte after it
    operations: int
    broken: str | None  # why it could not be read further
    limited: bool = False  # it was the reader's own limit
    persistents: tuple[Persistent, ...] = ()  # all that it asks its program for, in order
    nested: tuple[tuple[int, Value], ...] = ()  # files of torch inside, as bytes, and where they would be loaded


MOST_WALKED: Final = 2_000_000


def members(value: Value) -> tuple[Value, ...] | list[Value]:
    """What lies directly inside of a value; nothing of a value that holds no others."""
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, Dict):
        return value.pairs
    if isinstance(value, Set):
        return value.items
    if isinstance(value, Object):
        inside = [value.callee, value.arguments, value.keywords, value.state]
        return inside + (value.items or []) + (value.pairs or [])
    if isinstance(value, Persistent):
        return (value.identity,)
    return ()


def walk(root: Value, most: int = MOST_WALKED) -> Iterator[Value]:
    """Every container and node in ``root``, each once: the structure may be shared, deep or cyclic."""
    seen: set[int] = set()
    waiting = [root]
    while waiting and len(seen) < most:
        value = waiting.pop()
        if isinstance(value, (str, bytes, int, float, type(None))) or id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        waiting.extend(members(value))


def kind_of(value: Value) -> str:
    """What a value is, for messages."""
    if isinstance(value, Global):
        return f"{value.module}.{value.name}"
    if isinstance(value, Object):
        return f"result of {kind_of(value.callee) if isinstance(value.callee, Global) else 'a call'}"
    return type(value).__name__.lower()
