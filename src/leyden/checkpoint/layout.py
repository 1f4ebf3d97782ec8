"""Where the objects of a class keep what they are: whether it is in their attributes alone."""

from __future__ import annotations

import dataclasses
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final, final
from weakref import WeakKeyDictionary

from leyden.checkpoint.peculiar import Peculiar, merged, peculiar
from leyden.checkpoint.references import members_of
from leyden.wire.nodes import qualified_name

# What a subclass of these holds beside its attributes: how to read it, past any override, as the plain type.
PAYLOADS: Final[Mapping[type, Callable[[Any], Any]]] = {
    OrderedDict: lambda value: dict(OrderedDict.items(value)),
    dict: lambda value: dict(dict.items(value)),
    list: lambda value: [*list.__iter__(value)],
    tuple: lambda value: (*tuple.__iter__(value),),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
}
_ELSEWHERE: Final = "which keeps something outside its attributes, in a language other than Python"
_WORD = 8  # bytes of a pointer
_OWN_WAYS: Final = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")
# Python's own, of frozen dataclasses with slots: they do no more than getattr and setattr.
_OF_DATACLASSES: Final = {
    getattr(dataclasses, name, None) for name in ("_dataclass_getstate", "_dataclass_setstate")
} - {None}
_mro_of: Final = vars(type)["__mro__"].__get__
_dict_at: Final = vars(type)["__dictoffset__"].__get__
_weak_references_at: Final = vars(type)["__weakrefoffset__"].__get__
_size_of: Final = vars(type)["__basicsize__"].__get__
_KNOWN: Final[WeakKeyDictionary[type, Layout | str]] = WeakKeyDictionary()


@final
@dataclasses.dataclass(frozen=True)
class Layout:
    """A class whose objects are their payload, if it extends a built-in type, and their attributes."""

    payload: Any  # None, or a type
    has_dict: bool
    slots: Mapping[str, MemberDescriptorType]
    compares: bool  # has a hash or an equality of its own, which is not to run on half an object
    peculiar: Peculiar


def layout_of(kind: type) -> Layout | str:
    """The layout of a class, or why its objects cannot be written by their attributes. Nothing of the class runs."""
    if type(kind).__hash__ is not type.__hash__:  # its metaclass would be asked, and may not answer
        return _layout(kind)
    layout = _KNOWN.get(kind)
    if layout is None:
        layout = _KNOWN[kind] = _layout(kind)
    return layout


def _layout(kind: type) -> Layout | str:
    mro: tuple[type, ...] = _mro_of(kind)
    payload = next((base for base in mro if _holds(base)), None)
    slots: dict[str, MemberDescriptorType] = {}
    compares, rules = False, []
    for cls in mro[:-1]:
        if _holds(cls):
            continue
        members = members_of(cls)
        rules.append(peculiar(cls))
        for way in _OWN_WAYS:
            if way in members and way not in rules[-1].accepts and members[way] not in _OF_DATACLASSES:
                return f"whose class {qualified_name(cls)} has its own {way}, which a checkpoint does not call"
        if "__del__" in members:
            return f"whose class {qualified_name(cls)} has a __del__, so it holds something beside its attributes"
        if "__class__" in members or type(members.get("__dict__")) not in (type(None), GetSetDescriptorType):
            return f"whose class {qualified_name(cls)} hides what it is"
        compares = compares or ("__hash__" in members and members["__hash__"] is not None) or "__eq__" in members
        for name, member in members.items():
            if type(member) is MemberDescriptorType:
                if "__slots__" not in members:  # a field of a class that is written in C
                    return _ELSEWHERE
                if name in slots:
                    return f"with two slots {name!r}"
                slots[name] = member
    base = payload or object
    if _size_of(kind) != _size_of(base) + _WORD * (len(slots) + _pointers(kind, base)):
        return _ELSEWHERE
    return Layout(payload, _dict_at(kind) != 0, slots, compares, merged(rules))


def _holds(cls: type) -> bool:
    return any(cls is holder for holder in PAYLOADS)  # and not by its hash, which its metaclass may define


def _pointers(kind: type, base: type) -> int:
    """How many words of an object hold the addresses of its attributes and of weak references to it."""
    count = 0
    for at in (_dict_at, _weak_references_at):
        offset = at(kind)
        managed = offset == 0 or (offset < 0 and offset != -_WORD)  # kept before the object, in newer versions
        count += not managed and at(base) == 0
    return count


def attributes_of(value: object, layout: Layout) -> dict[str, Any]:
    """All attributes of an object, past any override of its class; in no order but that in which they were set."""
    attributes: dict[str, Any] = {}
    if layout.has_dict:
        attributes.update(object.__getattribute__(value, "__dict__"))
    for name, member in layout.slots.items():
        try:
            attributes[name] = member.__get__(value, type(value))
        except AttributeError:
            continue  # a slot that was never filled
    return attributes


def set_attributes(value: object, layout: Layout, attributes: Mapping[str, Any]) -> str | None:
    """Give an object its attributes, past any override of its class; or the name of one that it cannot have."""
    for name, attribute in attributes.items():
        if name in layout.slots:
            layout.slots[name].__set__(value, attribute)
        elif layout.has_dict:
            object.__getattribute__(value, "__dict__")[sys.intern(name)] = attribute
        else:
            return name
    return None
