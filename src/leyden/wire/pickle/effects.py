"""What an operation does to an unpickler beyond the value that it makes: judged where the machine makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from leyden.wire.pickle.machine import Machine
from leyden.wire.pickle.nodes import Dict, Global, Kind, Object, Persistent, Value, kind_of
from leyden.wire.pickle.storages import storage_of

_NEW: Final = b"\x81\x92"  # NEWOBJ, NEWOBJ_EX
MOST_HASHED: Final = 1 << 20  # steps that any pickle may take
_HASHED_EACH: Final = 16  # and steps for each of its operations: keys share their parts
# What BUILD calls the next time, and what else changes how an object behaves. Programs keep these in classes.
_SPECIAL: Final = frozenset((
    "__class__", "__setstate__", "__getstate__", "__reduce__", "__reduce_ex__", "__getattr__", "__getattribute__",
    "__setattr__", "__setitem__", "__call__", "__del__", "__init__", "__new__",
))  # fmt: skip


def hashed(m: Machine, keys: Sequence[Value]) -> None:
    """Keys go into a dictionary or a set. Tuples in tuples, each twice in the next, take for ever to hash."""
    limit = MOST_HASHED + _HASHED_EACH * m.operations
    for key in keys:
        if type(key) is not tuple or m.hashed > limit:
            continue
        waiting = [key]
        while waiting and m.hashed <= limit:
            parts = waiting.pop()
            m.hashed += 1 + len(parts)
            waiting.extend(part for part in parts if type(part) is tuple)
        if m.hashed > limit:
            m.tell(Kind.COST, None, f"keys that take over {limit:,} steps to hash")


def built(m: Machine, target: Object, state: Value) -> None:
    """BUILD puts ``state`` into ``target``."""
    if any(name in _SPECIAL for name in _attributes(state)):
        callee = target.callee
        name = callee.key if isinstance(callee, Global) else None
        m.tell(Kind.MUTATION, name, f"BUILD gives a {kind_of(target)} special methods of its own")


def is_instance(m: Machine, made: Object) -> bool:
    """Whether ``made`` is a new object of a class that is told about anyway: its own list or dictionary is filled."""
    callee = made.callee
    return isinstance(callee, Global) and not m.harmless(callee.key) and m.data[made.at] in _NEW


def persistent(m: Machine, identity: Value) -> Persistent:
    """What a program answers for an identity is unknown, unless it is a storage of torch."""
    node = Persistent(identity)
    if storage_of(node) is None and not _is_source(identity):
        m.tell(Kind.PERSISTENT, None, f"identity {kind_of(identity)}")
    m.persistents.append(node)
    return node


def _attributes(state: Value) -> Iterator[str]:
    """The names that BUILD sets: of a dictionary, or of the second part of a pair, which is for slots."""
    for part in state if type(state) is tuple and len(state) == 2 else (state,):
        if isinstance(part, Dict):
            yield from (name for name in part.pairs[::2] if type(name) is str)


def _is_source(identity: Value) -> bool:
    """The source of a module's class, which torch before 1.6 kept beside the class and compares with it."""
    if type(identity) is not tuple or len(identity) != 4 or identity[0] != "module":
        return False
    return isinstance(identity[1], Global) and all(part is None or type(part) is str for part in identity[2:])
