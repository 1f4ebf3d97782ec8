"""Objects in a pickle as data: the class by its name, and what the pickle sets. Nothing is imported or made of it.

They are written as nodes that objects of the program's own are read from, once somebody has sealed the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, final

from leyden.checkpoint import forbidden
from leyden.checkpoint.foreign_libraries import FOREIGN_LIBRARIES, ForeignLibrary, write_library
from leyden.checkpoint.objects import write_object
from leyden.checkpoint.references import holds_functions_of_torch, place_of_torch
from leyden.wire.encode import Encoder
from leyden.wire.legacy.hostile import is_hostile
from leyden.wire.legacy.values import Reader
from leyden.wire.pickle.nodes import Dict, Global, Name, Object, Persistent, Value
from leyden.wire.strict_json import Json

_NEWOBJ: Final = (0x81, 0x92)  # operations that make an object without its constructor
_PARTIAL: Final = ("functools", "partial")
_GETATTR: Final = ("builtins", "getattr")
_RECONSTRUCT: Final = ("copyreg", "_reconstructor")
# What the content of an object can be that extends a built-in type.
_PAYLOADS: Final = (str, int, float, bytes, tuple, list, dict, set, frozenset)


@final
@dataclass(eq=False)
class Foreign:
    """An object: what it holds as a subclass of a built-in type, and its attributes."""

    name: str
    payload: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)


@final
@dataclass(frozen=True, eq=False)
class ForeignCode:
    """A class or a function."""

    name: str


@final
@dataclass(frozen=True, eq=False)
class ForeignMember:
    """A member of an enum, by its value."""

    name: str
    value: Any


@final
@dataclass(frozen=True, eq=False)
class ForeignPartial:
    """A partial function."""

    function: Any
    args: tuple[Any, ...]
    keywords: Mapping[str, Any]


def never_allowed(name: Name) -> str | None:
    """Why a name is never written down, listed or not; None where it may be."""
    if name in (_PARTIAL, _GETATTR, _RECONSTRUCT) or name in FOREIGN_LIBRARIES:
        return None
    if is_hostile(name):
        return "which runs something and is never restored from a file"
    return None if holds_functions_of_torch(name) else forbidden.by_name(_place(name))


def names_needed(value: Value, inside: list[Global]) -> list[Global]:
    """Those that somebody has to allow, of all that are inside of a value."""
    callee = class_of(value)
    if callee is not None and callee.key in FOREIGN_LIBRARIES:
        return [callee]
    return [node for node in inside if node.key not in (_GETATTR, _RECONSTRUCT)]


def class_of(value: Value) -> Global | None:
    """The class of an object, or what makes it; torch's older layout writes a class's source beside it."""
    match value:
        case Object(callee=Global() as callee):
            return callee
        case Object(callee=Persistent(identity=("module", Global() as callee, *_))):
            return callee
        case _:
            return None


def foreign(value: Value, source: Reader, pickled: memoryview) -> Any:
    """What stands for a class, a function or an object whose names were allowed."""
    callee = class_of(value)
    match value:
        case Global():
            return _code(value.key, source)
        case Object(arguments=tuple(), keywords=None) if callee is not None:
            return _object(value, callee, source, pickled)
        case _:
            return _unknown(source)


def _code(name: Name, source: Reader) -> ForeignCode:
    place = _place(name)
    if (why := forbidden.by_name(place)) is not None:
        source.fail(f"is {place}, {why}")
    return ForeignCode(place)


def _object(made: Object, callee: Global, source: Reader, pickled: memoryview) -> Any:
    if (read := FOREIGN_LIBRARIES.get(callee.key)) is not None:
        return read(made, source)
    match callee.key, made.arguments:
        case key, (Global() as owner, str(attribute)) if key == _GETATTR:
            return _code((owner.module, f"{owner.name}.{attribute}"), source)
        case key, _ if key == _PARTIAL:
            return _partial(made, source)
        case key, (Global() as kind, Global(module="builtins", name="object"), None) if key == _RECONSTRUCT:
            return _filled(Foreign(_place(kind.key)), made, source)
        case _:
            pass
    found = Foreign(_place(callee.key))
    if pickled[made.at] not in _NEWOBJ and made.arguments:
        return _called(made, found, source)
    match made.arguments:
        case ():
            pass
        case (content,):
            plain = source.value(content)
            found.payload = plain if type(plain) in _PAYLOADS else (plain,)
        case several:
            found.payload = tuple(source.items(several))
    return _filled(found, made, source)


def _called(made: Object, found: Foreign, source: Reader) -> Any:
    """What a class says that it is called with: the members of enums do, and subclasses of set."""
    if len(made.arguments) != 1 or made.items or made.pairs:
        return _unknown(source)
    if type(made.arguments[0]) is list:
        found.payload = source.set_of(made.arguments[0], frozen=False)
        return _filled(found, made, source)
    if made.state is not None:
        return _unknown(source)
    return ForeignMember(found.name, source.value(made.arguments[0]))


def _filled(found: Foreign, made: Object, source: Reader) -> Foreign:
    source.begun(made, found)  # what it holds may refer to it
    if made.items is not None:
        found.payload = source.items(made.items)
    elif made.pairs is not None:
        found.payload = source.pairs(made.pairs)
    match made.state:
        case None:
            pass
        case Dict():
            found.attributes = source.attributes(made.state)
        case (None | Dict() as attributes, Dict() as slots):
            found.attributes = source.attributes(attributes) | source.attributes(slots)
        case _:
            source.fail(f"is a {found.name} with a state that is no dictionary, so it has a way of its own to be made")
    return found


def _partial(made: Object, source: Reader) -> ForeignPartial:
    match made.arguments, made.state:
        case (function,), (_, tuple() as args, Dict() as keywords, None | Dict() as attributes) if not (
            isinstance(attributes, Dict) and attributes.pairs
        ):
            return ForeignPartial(source.value(function), tuple(source.items(args)), source.attributes(keywords))
        case _:
            return _unknown(source)


def _unknown(source: Reader) -> NoReturn:
    source.fail("is made in a way of its own, which cannot be written down as data. Save what it is made of")


def _place(name: Name) -> str:
    """How Leyden's files call a class or a function."""
    return place_of_torch(name) or f"{name[0]}:{name[1]}"


def write_foreign(value: Any, out: Encoder) -> Json:
    """The node of a value that no adapter knows, also of those that stand for what a pickle holds."""
    match value:
        case Foreign(name, payload, attributes):
            out.may_contain(value)
            hashed, out.hashed = out.hashed, 0
            content = None if payload is None else out.value(payload)
            body: Json = [name, content, out.members(attributes)]
            out.hashed = hashed
            return {"$object": body}
        case ForeignCode(name):
            return {"$reference": name}
        case ForeignMember(name, member):
            return {"$member": [name, None, out.value(member)]}
        case ForeignPartial(function, args, keywords):
            return {"$partial": [out.value(function), out.value([*args]), out.members(keywords)]}
        case ForeignLibrary():
            return write_library(value, out)
        case _:
            return write_object(value, out)
