"""Numpy's arrays and scalars in a pickle. Numpy is not needed to read them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from leyden.wire.legacy.described import Array, NumpyDtype, Scalar
from leyden.wire.legacy.values import Call, Reader
from leyden.wire.pickle.nodes import Dict, Global, Name, Object, Value

# Numbers, truth values, text, bytes, moments: no objects, no records, no long doubles.
_KIND: Final = re.compile(r"([biufcSUmM])([0-9]{1,9})|(\?)")
_SIZES: Final[Mapping[str, tuple[int, ...]]] = {
    "b": (1,),
    "i": (1, 2, 4, 8),
    "u": (1, 2, 4, 8),
    "f": (2, 4, 8),
    "c": (8, 16),
    "m": (8,),
    "M": (8,),
}
_UNITS: Final = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic")
_NO: Final = "is a numpy value of a dtype that is not read. Save it as lists, or as numbers"


def _dtype(made: Object, source: Reader) -> Any:
    """A dtype as a value of its own."""
    return source.make(NumpyDtype(_dtype_text(made, source)))


def _dtype_text(made: Value, source: Reader) -> str:
    """The ``dtype.str`` of what numpy would rebuild: a kind and a size, and a state with the order of the bytes."""
    if not isinstance(made, Object) or not made.calls("numpy", "dtype") or type(made.arguments) is not tuple:
        source.fail("has a numpy dtype that is none")
    match made.arguments:
        case (str(kind), *_) if (parts := _KIND.fullmatch(kind)) is not None:
            letter, size = parts[1] or "b", int(parts[2] or 1)
        case _:
            source.fail(_NO)
    order, unit, width = "|", "", -1
    match made.state:
        case None:
            order = "|" if size == 1 or letter == "S" else "<"
        case (int(), str(order), None, None, None, int(width), int(), *flags) if order in ("<", ">", "|", "="):
            unit = _unit(flags, source) if letter in "mM" else ""
            order = "<" if order == "=" else order  # as the machine that wrote it; ours is little-endian
        case _:
            source.fail(_NO)
    if letter == "U":
        return f"{order}U{size}" if size > 0 and (width in (-1, 4 * size)) else source.fail(_NO)
    if letter == "S":
        return f"|S{size}" if size else source.fail(_NO)
    if size not in _SIZES[letter]:
        source.fail(_NO)
    order = "|" if size == 1 else order
    if size > 1 and order == "|":
        source.fail(_NO)
    return f"{order}{letter}{size}{unit}"


def _unit(flags: list[Value], source: Reader) -> str:
    """The unit of a moment or a span of time, such as ``[ns]``."""
    match flags:
        case [int(), (None | Dict() | Object(), (unit, int(count), int(), *_))]:
            text = source.value(unit)
            name = text.decode("ascii", "replace") if isinstance(text, bytes) else text
            if name in _UNITS and 0 < count < 1 << 30:
                return "" if name == "generic" else f"[{count if count > 1 else ''}{name}]"
        case [int()]:
            return ""
        case _:
            pass
    return source.fail(_NO)


def item_bytes(text: str) -> int:
    """How many bytes an element takes, by its ``dtype.str``."""
    kind, size = text[1], int(re.split(r"\[", text[2:])[0])
    return 4 * size if kind == "U" else size


def _array(made: Object, source: Reader) -> Any:
    """An empty array that a state fills: version, shape, dtype, whether by columns, the bytes."""
    match made.arguments, made.state:
        case (Global(module="numpy", name="ndarray"), *_), (int(), tuple() as shape, dtype, bool(fortran), content):
            return _filled(dtype, shape, fortran, content, source)
        case _:
            return source.outside(made)


def _from_buffer(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (content, dtype, tuple() as shape, "C" | "F" as order):
            return _filled(dtype, shape, order == "F", content, source)
        case _:
            return source.outside(made)


def _filled(dtype: Value, shape: Value, fortran: bool, content: Value, source: Reader) -> Any:
    text, lengths, data = _dtype_text(dtype, source), source.naturals(shape), source.value(content)
    if type(data) is not bytes or math.prod(lengths) * item_bytes(text) != len(data):
        source.fail("is a numpy array whose bytes do not fill it")
    _check_truth(text, data, source)
    return source.make(Array(text, lengths, fortran, data))


def _scalar(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (dtype, content):
            text, data = _dtype_text(dtype, source), source.value(content)
        case _:
            return source.outside(made)
    if type(data) is not bytes or len(data) != item_bytes(text):
        source.fail("is a numpy scalar of another size than its dtype's")
    _check_truth(text, data, source)
    return source.make(Scalar(text, data))


def _check_truth(text: str, data: bytes, source: Reader) -> None:
    if text[1] == "b" and data.strip(b"\0\1"):
        source.fail("holds a truth value that is neither 0 nor 1")


NUMPY: Final[Mapping[Name, Call]] = {
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
}
