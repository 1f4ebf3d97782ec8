"""Objects of the program's own as data: a class by name and its attributes; and back, where the file is trusted.

Restoring makes the bare object and sets its attributes. No constructor runs, nor any method that pickle would call, and
nothing is imported.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final, NoReturn, TypeAlias, final

from leyden.checkpoint.layout import PAYLOADS, Layout, attributes_of, layout_of, set_attributes
from leyden.checkpoint.libraries import LIBRARIES, write_of_library
from leyden.checkpoint.references import findable, members_of, reference, resolve
from leyden.errors import TrustError
from leyden.wire.decode import Decoder
from leyden.wire.encode import Encoder, refuse, way_out
from leyden.wire.nodes import qualified_name
from leyden.wire.strict_json import Json
from leyden.wire.values import Adapter

# The entries of a checkpoint that a run can go on without: what builds the module anew.
HYPERPARAMETERS: Final = ("hyper_parameters", "hparams_type", "datamodule_hyper_parameters", "datamodule_hparams_type")
_ENUM_VALUES: Final = (str, int, float, bool, bytes, tuple, type(None))  # whose comparison is Python's own
_CODE: Final = (type, FunctionType, BuiltinFunctionType)
# These can be filled once they are there, so that what they hold may refer to them: as which plain type it is written,
# and how it is put in, past any override.
_FILL: Final[Mapping[type, tuple[type, Callable[[Any, Any], None]]]] = {
    OrderedDict: (dict, lambda made, items: _fill_ordered(made, items)),
    dict: (dict, dict.update),
    list: (list, list.extend),
    set: (set, set.update),
}


@final
@dataclass(frozen=True, eq=False)
class Unrestored:
    """An object that a file of unknown origin describes, and that was therefore not made: its place in the tree."""

    name: str

    def __repr__(self) -> str:
        return f"<not restored: {self.name}>"


def write_object(value: Any, out: Encoder) -> Json:
    """The node of a value that no adapter knows; EncodeError says how it can be saved."""
    node = write_of_library(value, out)
    if node is not None:
        return node
    kind: type = type(value)  # and not isinstance, which would ask the object
    if issubclass(kind, Enum):
        if type(value).__members__.get(value.name) is not value:
            out.fail(f"is a combination of members of {qualified_name(type(value))}. Save its value")
        if not findable(kind):
            refuse(value, out)
        return {"$member": [reference(type(value), out.fail), value.name]}
    if issubclass(kind, _CODE):
        return {"$reference": reference(value, out.fail)}
    if kind is functools.partial:
        if vars(value):
            out.fail("is a partial with attributes, which would be lost")
        return {"$partial": [out.value(value.func), out.value([*value.args]), out.members(value.keywords)]}
    if kind is Unrestored:
        out.fail(f"is the place of a {value.name} that was not restored. Put the object there")
    if kind.__module__ == "builtins":
        refuse(value, out)
    layout = layout_of(kind)
    if isinstance(layout, str):
        out.fail(f"is a {qualified_name(kind)}, {layout}, so it has no safe encoding. {way_out(kind)}")
    return {"$object": _object_body(value, layout, out)}


def _object_body(value: Any, layout: Layout, out: Encoder) -> Json:
    name = reference(type(value), out.fail)
    if out.hashed and layout.compares:
        out.fail(f"is a {name} in the place of a key, which its class hashes or compares itself. Save a list of pairs")
    hashed, out.hashed = out.hashed, 0
    if layout.payload is None or layout.payload in _FILL:
        out.may_contain(value)
    payload = None if layout.payload is None else out.value(PAYLOADS[layout.payload](value))
    out.may_contain(value)
    left_out = layout.peculiar.drops.keys() | layout.peculiar.remakes
    attributes = {key: item for key, item in attributes_of(value, layout).items() if key not in left_out}
    if not all(type(key) is str for key in attributes):
        out.fail("has an attribute whose name is not text")
    body: Json = [name, payload, out.members(attributes)]
    out.hashed = hashed
    return body


def restoring() -> tuple[Adapter, ...]:
    """Adapters that make the objects of a trusted file."""
    own = (
        _reader("object", _object, cyclic=True),
        _reader("reference", _reference),
        _reader("member", _member),
        _reader("partial", _partial),
    )
    return (*own, *(_reader(library.tag, library.read) for library in LIBRARIES))


def describing(where: str, described: Collection[str]) -> tuple[Adapter, ...]:
    """Adapters for a file of unknown origin: an object is an error, or ``Unrestored`` below the keys ``described``."""

    def stranger(tag: str, body: Json, source: Decoder) -> Unrestored:
        name = _name_of(tag, body)
        entry, place = source.path[0] if source.path else "", ".".join(source.path)[:500] or "the tree"
        if entry in described:
            source.used.update(_texts(body))
            return Unrestored(name)
        raise TrustError(
            f"{where}: {place} is an object, of {name}, and it is not known that this file is yours: objects come back "
            "only from files that this process has written. Nothing was made of it. Pass the object itself where it is "
            f"needed, or read the rest with load(..., describe=[{entry!r}])."
        )

    tags = ("object", "reference", "member", "partial", "same", *(library.tag for library in LIBRARIES))
    return tuple(_reader(tag, functools.partial(stranger, tag)) for tag in tags)


_Read: TypeAlias = Callable[[Json, Decoder], object]


def _reader(tag: str, read: _Read, *, cyclic: bool = False) -> Adapter:
    return Adapter(tag, (), _write_nothing, read, cyclic=cyclic)


def _write_nothing(value: Any, out: Encoder) -> NoReturn:
    raise AssertionError("objects are written by write_object")


def _name_of(tag: str, body: Json) -> str:
    """What an object is called in messages."""
    match tag, body:
        case "reference", str(name):
            return name[:200]
        case "object" | "member", [str(name), *_]:
            return name[:200]
        case _:
            return f"the kind {tag}"


def _texts(node: Json) -> set[str]:
    """Every text in what is passed over, so that the tensors that it names are not thought to belong to nothing."""
    if isinstance(node, str):
        return {node}
    members = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return {text for member in members for text in _texts(member)}


def _object(body: Json, source: Decoder) -> object:
    place = source.place()
    match body:
        case [str(name), payload, dict() as members]:
            kind = resolve(name, source.fail)
        case _:
            source.fail("is not an object")
    if not isinstance(kind, type):
        source.fail(f"is an object of {name}, which is no class")
    layout = layout_of(kind)
    if isinstance(layout, str):
        source.fail(f"is a {name}, {layout}, so it is not restored")
    if source.hashed and layout.compares:
        source.fail(f"is a {name} in the place of a key, which its class hashes or compares itself")
    if (payload is None) != (layout.payload is None):
        source.fail(f"is a {name} with another content than its class can hold")
    hashed, source.hashed = source.hashed, 0
    fill = _FILL.get(layout.payload) if layout.payload is not None else None
    try:
        made: Any
        if layout.payload is None:
            made = object.__new__(kind)
        elif fill is not None:
            made = layout.payload.__new__(kind)
        else:
            made = layout.payload.__new__(kind, _payload(payload, layout.payload, source))
    except TypeError as error:
        source.fail(f"is a {name}, which cannot be made without its constructor ({error})")
    source.put(place, made)
    if fill is not None:
        plain, put_in = fill
        put_in(made, _payload(payload, plain, source))
    lost = set_attributes(made, layout, {**source.members(members), **layout.peculiar.drops})
    if lost is not None:
        source.fail(f"is a {name} with the attribute {lost[:200]!r}, for which its class has no room")
    if layout.peculiar.finish is not None:
        try:
            layout.peculiar.finish(made)
        except (AttributeError, TypeError, ValueError, KeyError) as error:
            source.fail(f"is a {name}, whose attributes do not fit together ({error})")
    source.hashed = hashed
    return made


def _fill_ordered(made: OrderedDict[Any, Any], items: dict[Any, Any]) -> None:
    for key, item in items.items():
        OrderedDict.__setitem__(made, key, item)


def _payload(node: Json, kind: type, source: Decoder) -> Any:
    content = source.value(node)
    return content if type(content) is kind else source.fail(f"holds no {kind.__name__}, which it extends")


def _reference(body: Json, source: Decoder) -> object:
    return resolve(body, source.fail) if isinstance(body, str) else source.fail("is not a class or a function")


def _member(body: Json, source: Decoder) -> object:
    match body:
        case [str(name), None, held]:
            kind, value = resolve(name, source.fail), source.value(held)
            if isinstance(kind, type) and issubclass(kind, Enum) and type(value) in _ENUM_VALUES:
                for found in kind.__members__.values():
                    if type(found.value) is type(value) and found.value == value:
                        return found
        case [str(name), str(member)]:
            kind = resolve(name, source.fail)
            if isinstance(kind, type) and issubclass(kind, Enum):
                found = members_of(kind).get("_member_map_", {}).get(member)
                if found is not None:
                    return found
        case _:
            pass
    return source.fail("is not a member of an enum of this program")


def _partial(body: Json, source: Decoder) -> object:
    match body:
        case [function, list(args), dict(keywords)]:
            called, given, named = source.value(function), source.value(args), source.members(keywords)
            if callable(called):
                return functools.partial(called, *given, **named)
        case _:
            pass
    return source.fail("is not a partial function")
