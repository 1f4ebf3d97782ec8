"""The calls in a pickle that are known to be data, each by its name, and what each stands for."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from leyden.wire.legacy.arrays import NUMPY
from leyden.wire.legacy.described import AttributeDict, Device, Version
from leyden.wire.legacy.tensors import TENSORS
from leyden.wire.legacy.values import Call, Reader
from leyden.wire.nodes import FACTORIES
from leyden.wire.pickle.nodes import Dict, Global, Name, Object, Value

# Paths of the other kind of system cannot be opened here, so they are only texts.
_PATHS: Final[Mapping[str, type[PurePath]]] = {
    "PosixPath": Path if os.name == "posix" else PurePosixPath,
    "PurePosixPath": PurePosixPath,
    "WindowsPath": Path if os.name == "nt" else PureWindowsPath,
    "PureWindowsPath": PureWindowsPath,
}
_ATTRIBUTE_DICTS: Final = (
    "lightning.fabric.utilities.data",
    "lightning_fabric.utilities.data",
    "lightning.pytorch.utilities.parsing",
    "pytorch_lightning.utilities.parsing",
    "leyden.core.attribute_dict",
)
_DECIMAL: Final = re.compile(r"-?(?:[0-9]{1,4000}(?:\.[0-9]{1,4000})?(?:E[+-]?[0-9]{1,9})?|s?NaN[0-9]{0,99}|Infinity)")
_FRACTION: Final = re.compile(r"(-?[0-9]{1,4000})(?:/([0-9]{1,4000}))?")


def _plain(read: Call) -> Call:
    """For what no program fills or changes once it is made."""

    def checked(made: Object, source: Reader) -> Any:
        if made.state is not None or made.items or made.pairs:
            return source.outside(made)
        return read(made, source)

    return checked


def _device(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (str(kind),):
            return source.make(Device(kind))
        case (str(kind), index):
            return source.make(Device(f"{kind}:{source.natural(index)}"))
        case _:
            return source.outside(made)


def _version(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (str(text),):
            return source.make(Version(text))
        case _:
            return source.outside(made)


# What protocol 2, which torch writes, has no operation for


def _encoded(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (text, "latin1" | "latin-1"):
            content = source.value(text)
            if type(content) is str:
                try:
                    return content.encode("latin1")
                except UnicodeEncodeError:
                    source.fail("is bytes with values beyond 255")
        case _:
            pass
    return source.outside(made)


def _bytes(made: Object, source: Reader) -> Any:
    return source.outside(made) if made.arguments else b""


def _bytearray(made: Object, source: Reader) -> Any:
    match made.arguments:
        case ():
            return bytearray()
        case (text, "latin1" | "latin-1"):
            content = source.value(text)
            if type(content) is str and (content.isascii() or max(content) <= "\xff"):
                return bytearray(content, "latin1")
        case (content,) if type(found := source.value(content)) is bytes:
            return bytearray(found)
        case _:
            pass
    return source.outside(made)


def _complex(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (float(real), float(imaginary)):
            return complex(real, imaginary)
        case _:
            return source.outside(made)


def _set(made: Object, source: Reader) -> Any:
    frozen = made.callee.name == "frozenset"
    match made.arguments:
        case ():
            return source.set_of([], frozen=frozen)
        case (list() as items,):
            return source.set_of(items, frozen=frozen)
        case _:
            return source.outside(made)


def _range(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (int(start), int(stop), int(step)) if step and bool not in map(type, made.arguments):
            return range(start, stop, step)
        case _:
            return source.outside(made)


def _slice(made: Object, source: Reader) -> Any:
    if len(made.arguments) == 3 and all(type(part) is int or part is None for part in made.arguments):
        return slice(*made.arguments)
    return source.outside(made)


def _ordered(made: Object, source: Reader) -> Any:
    """Pairs, and the attributes that torch sets on a state dict."""
    match made.arguments:
        case ():
            ordered = OrderedDict(source.pairs(made.pairs))
        case (list() as pairs,) if all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
            ordered = OrderedDict(source.pairs([part for pair in pairs for part in pair]))
        case _:
            return source.outside(made)
    if made.items:
        return source.outside(made)
    vars(ordered).update(source.attributes(made.state))
    return ordered


def _counter(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (Dict(pairs=pairs),) if made.state is None and not made.items and not made.pairs:
            counter: Counter[Any] = Counter()
            dict.update(counter, source.pairs(pairs))
            return counter
        case _:
            return source.outside(made)


def _defaultdict(made: Object, source: Reader) -> Any:
    if made.state is not None or made.items:
        return source.outside(made)
    match made.arguments:
        case () | (None,):
            return defaultdict(None, source.pairs(made.pairs))
        case (Global(module="builtins", name=name),) if name in FACTORIES:
            return defaultdict(FACTORIES[name], source.pairs(made.pairs))
        case _:
            return source.outside(made)


def _deque(made: Object, source: Reader) -> Any:
    if made.state is not None or made.pairs:
        return source.outside(made)
    match made.arguments:
        case () | ((),):
            return deque(source.items(made.items or []))
        case ((), int(most)) if len(made.items or ()) <= source.natural(most) <= sys.maxsize:
            return deque(source.items(made.items or []), most)
        case _:
            return source.outside(made)


def _attribute_dict(made: Object, source: Reader) -> Any:
    if made.arguments or made.items or not (made.state is None or _is_empty(made.state)):
        return source.outside(made)
    held = AttributeDict()
    held.update((source.text(key), item) for key, item in source.pairs(made.pairs).items())
    return source.make(held)


def _is_empty(state: Value) -> bool:
    return isinstance(state, Dict) and not state.pairs


def _namespace(made: Object, source: Reader) -> Any:
    if made.arguments or made.items or made.pairs:
        return source.outside(made)
    namespace = Namespace() if made.callee.name == "Namespace" else SimpleNamespace()
    vars(namespace).update(source.attributes(made.state))
    return namespace


def _of(make: Callable[[Any, Reader], Any]) -> Call:
    """For what a class of the standard library makes of numbers, if they are in its range."""

    def checked(made: Object, source: Reader) -> Any:
        try:
            return make(made.arguments, source)
        except (ValueError, OverflowError):
            source.fail("is a moment that cannot be")
        except LookupError:
            return source.outside(made)

    return _plain(checked)


def _octets(value: Value, count: int, source: Reader) -> bytes:
    content = source.value(value)
    if type(content) is not bytes or len(content) != count:
        raise LookupError
    return content


def _zone(arguments: tuple[Value, ...], source: Reader) -> tzinfo | None:
    if len(arguments) < 2:
        return None
    zone = source.value(arguments[1])
    if len(arguments) > 2 or not isinstance(zone, timezone):
        raise LookupError
    return zone


def _date(arguments: tuple[Value, ...], source: Reader) -> date:
    if len(arguments) != 1:
        raise LookupError
    high, low, month, day = _octets(arguments[0], 4, source)
    return date(high << 8 | low, month, day)


def _datetime(arguments: tuple[Value, ...], source: Reader) -> datetime:
    high, low, month, day, hour, minute, second, a, b, c = _octets(arguments[0], 10, source)
    zone, micro = _zone(arguments, source), a << 16 | b << 8 | c
    return datetime(high << 8 | low, month & 0x7F, day, hour, minute, second, micro, tzinfo=zone, fold=month >> 7)


def _time(arguments: tuple[Value, ...], source: Reader) -> time:
    hour, minute, second, a, b, c = _octets(arguments[0], 6, source)
    return time(hour & 0x7F, minute, second, a << 16 | b << 8 | c, _zone(arguments, source), fold=hour >> 7)


def _timedelta(arguments: tuple[Value, ...], source: Reader) -> timedelta:
    if len(arguments) != 3 or not all(type(number) is int for number in arguments):
        raise LookupError
    return timedelta(*arguments)


def _timezone(arguments: tuple[Value, ...], source: Reader) -> timezone:
    offset = source.value(arguments[0])
    if not isinstance(offset, timedelta) or len(arguments) > 2:
        raise LookupError
    if len(arguments) == 2:
        return timezone(offset, source.text(arguments[1]))
    return timezone(offset) if offset else timezone.utc


def _path(made: Object, source: Reader) -> Any:
    return _PATHS[made.callee.name](*map(source.text, made.arguments))


def _decimal(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (str(text),) if _DECIMAL.fullmatch(text):
            return Decimal(text)
        case _:
            return source.outside(made)


def _fraction(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (str(text),) if (parts := _FRACTION.fullmatch(text)) and int(parts[2] or 1):
            return Fraction(int(parts[1]), int(parts[2] or 1))
        case (int(above), int(below)) if below:
            return Fraction(above, below)
        case _:
            return source.outside(made)


def _uuid(made: Object, source: Reader) -> Any:
    match made.arguments, made.state:
        case (), Dict(pairs=["int", int(number)]) if 0 <= number < 1 << 128:
            return UUID(int=number)
        case _:
            return source.outside(made)


CALLS: Final[Mapping[Name, Call]] = {
    **{key: read if key[0] == "" else _plain(read) for key, read in TENSORS.items()},
    **{key: read if key[1] in ("dtype", "_reconstruct") else _plain(read) for key, read in NUMPY.items()},
    ("torch", "device"): _plain(_device),
    ("torch.torch_version", "TorchVersion"): _plain(_version),
    ("_codecs", "encode"): _plain(_encoded),
    ("builtins", "bytes"): _plain(_bytes),
    ("builtins", "bytearray"): _plain(_bytearray),
    ("builtins", "complex"): _plain(_complex),
    ("builtins", "set"): _plain(_set),
    ("builtins", "frozenset"): _plain(_set),
    ("builtins", "range"): _plain(_range),
    ("builtins", "slice"): _plain(_slice),
    ("collections", "OrderedDict"): _ordered,
    ("collections", "Counter"): _counter,
    ("collections", "defaultdict"): _defaultdict,
    ("collections", "deque"): _deque,
    ("argparse", "Namespace"): _namespace,
    ("types", "SimpleNamespace"): _namespace,
    ("datetime", "date"): _of(_date),
    ("datetime", "datetime"): _of(_datetime),
    ("datetime", "time"): _of(_time),
    ("datetime", "timedelta"): _of(_timedelta),
    ("datetime", "timezone"): _of(_timezone),
    ("decimal", "Decimal"): _plain(_decimal),
    ("fractions", "Fraction"): _plain(_fraction),
    ("uuid", "UUID"): _uuid,
    **{(module, name): _plain(_path) for module in ("pathlib", "pathlib._local") for name in _PATHS},
    **{(module, "AttributeDict"): _attribute_dict for module in _ATTRIBUTE_DICTS},
}
