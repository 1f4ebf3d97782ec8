"""What a pickle describes as values, where all of it is known to be data. Nothing in it is imported or called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, TypeAlias, final

from leyden.wire.legacy.container import Saved
from leyden.wire.legacy.described import ITEM_BYTES, Described, Dtype
from leyden.wire.nodes import label
from leyden.wire.pickle.nodes import Dict, Global, Name, Object, Persistent, Set, Span, Value

DEEPEST: Final = 100  # containers inside containers
MOST_DIMENSIONS: Final = 64
STORAGE: Final[Name] = ("", "storage")  # where the table has what reads a storage
_MOST_VALUES: Final = 10_000_000
_MOST_COLLISIONS: Final = 64
_LARGEST: Final = 1 << 56  # of a number that counts elements

# Gives the value that stands for what is described.
Make: TypeAlias = "Callable[[Described, Reader], Any]"
# Gives the value of a node that is not known to be data, or raises.
Outside: TypeAlias = "Callable[[Value, Reader], Any]"
# Raises the error for a problem with the value at a path.
Fail: TypeAlias = "Callable[[str, str], NoReturn]"


@final
class Reader:
    """One pass over one pickle. Values that the pickle shares stay one.

    The functions of the table call ``value`` and its kin for what lies inside, ``make`` for what is described, and
    ``fail`` or ``outside`` for what is not as programs write it.
    """

    def __init__(self, saved: Saved, calls: Mapping[Name, Call], make: Make, outside: Outside, fail: Fail) -> None:
        self.path: list[str] = []
        self.storages = saved.storages
        self._make = make
        self._calls = calls
        self._data = saved.pickled
        self._outside = outside
        self._fail = fail
        self._done: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()
        self._depth = 0
        self._left = _MOST_VALUES

    def value(self, value: Value) -> Any:
        """Any value."""
        plain = value is None or isinstance(value, (bool, int, float, str, bytes))
        known = id(value)
        # What is shared counts wherever it stands: a few bytes could stand for more than anybody can walk through.
        made, weight = (value, 0) if plain else self._done.get(known, (None, 0))
        self._left -= 1 + weight
        if self._left < 0 or self._depth > DEEPEST:
            self.fail(f"lies beyond the limits, {_MOST_VALUES:,} values and {DEEPEST} containers inside one another")
        if plain or weight:
            return made
        if known in self._open:
            self.fail("contains itself")
        self._open.add(known)
        self._depth += 1
        before = self._left
        made = self._made(value)
        self._depth -= 1
        self._open.discard(known)
        self._done[known] = made, before - self._left + 1
        return made

    def begun(self, value: Value, made: Any) -> None:
        """What a value becomes, before it is filled: what it holds may refer to it."""
        self._done[id(value)] = made, 1

    def member(self, label: str, value: Value) -> Any:
        """A value inside the one at hand; errors call it by ``label``."""
        self.path.append(label)
        made = self.value(value)
        self.path.pop()
        return made

    def items(self, values: list[Value] | tuple[Value, ...]) -> list[Any]:
        """Values one after another."""
        return [self.member(str(index), value) for index, value in enumerate(values)]

    def pairs(self, pairs: list[Value] | None) -> dict[Any, Any]:
        """A dictionary of key, value, key, value. Of equal keys the last counts."""
        keys: list[Any] = []
        values: list[Any] = []
        for index in range(0, len(pairs or ()) - 1, 2):
            assert pairs is not None
            keys.append(self.value(pairs[index]))
            values.append(self.member(label(keys[-1], index // 2)[:80], pairs[index + 1]))
        self._check_hashes(keys, "a key")
        return dict(zip(keys, values, strict=True))

    def attributes(self, state: Value) -> dict[str, Any]:
        """The attributes that an object is given: a dictionary with text for keys, or nothing."""
        made = self.value(state)
        if made is None:
            return {}
        if type(made) is not dict or not all(type(key) is str for key in made):
            self.fail("has a state that is no dictionary with text for keys")
        return made

    def set_of(self, values: list[Value], *, frozen: bool) -> set[Any] | frozenset[Any]:
        items = self.items(values)
        self._check_hashes(items, "an element")
        return frozenset(items) if frozen else set(items)

    def _check_hashes(self, keys: list[Any], what: str) -> None:
        """Values that can be keys, and that were not chosen so that a dictionary of them takes hours to build."""
        hashes: dict[str, int] = {}  # as text, whose own hash nobody can foresee
        for key in keys:
            try:
                own = str(hash(key))
            except TypeError:
                self.fail(f"has {what} that cannot be one")
            hashes[own] = hashes.get(own, 0) + 1
        if any(count > _MOST_COLLISIONS for count in hashes.values()):
            self.fail("has keys that were chosen to be slow")

    def naturals(self, value: Value) -> tuple[int, ...]:
        """A shape, or strides."""
        if isinstance(value, Object) and value.calls("torch", "Size") and type(value.arguments) is tuple:
            value = value.arguments[0] if len(value.arguments) == 1 else None
        if type(value) not in (tuple, list) or len(value) > MOST_DIMENSIONS:
            self.fail("has a shape that is none")
        return tuple(map(self.natural, value))

    def natural(self, value: Value) -> int:
        if type(value) is not int or not 0 <= value < _LARGEST:
            self.fail("has a number that cannot be")
        return value

    def text(self, value: Value) -> str:
        return value if type(value) is str else self.fail("has something else where text belongs")

    def make(self, described: Described) -> Any:
        """The value that stands for what is described."""
        return self._make(described, self)

    def outside(self, value: Value) -> Any:
        """What is not known to be data."""
        return self._outside(value, self)

    def fail(self, problem: str) -> NoReturn:
        """Raise the error about the value at hand."""
        self._fail(".".join(self.path), problem)

    def _made(self, value: Value) -> Any:
        match value:
            case Span():
                content = bytes(self._data[value.start : value.stop])
                return self._decoded(content) if value.text else content
            case tuple():
                return tuple(self.items(value))
            case list():
                return self.items(value)
            case Dict():
                return self.pairs(value.pairs)
            case Set():
                return self.set_of(value.items, frozen=value.frozen)
            case Global(module="torch", name=name) if name in ITEM_BYTES:
                return self.make(Dtype(name))
            case Persistent():
                return self._calls[STORAGE](value, self)
            case Object(callee=Global() as callee, arguments=tuple(), keywords=None) if callee.key in self._calls:
                return self._calls[callee.key](value, self)
            case _:
                return self.outside(value)

    def _decoded(self, content: bytes) -> str:
        try:
            return content.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            self.fail("is text that is not UTF-8")


# Gives the value that a call of the table would answer: its node has a tuple of arguments and no keywords.
Call: TypeAlias = Callable[[Any, Reader], Any]
