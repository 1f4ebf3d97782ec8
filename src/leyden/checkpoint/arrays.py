"""Numpy's values for the tree codec: arrays and scalars."""

from __future__ import annotations

import base64
import math
import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from leyden.wire.decode import Decoder
from leyden.wire.encode import Encoder
from leyden.wire.safetensors import LARGEST_SHAPE
from leyden.wire.strict_json import Json
from leyden.wire.values import Adapter

# No objects, no records, no long doubles, whose bytes differ between machines; and no element of zero bytes.
_DTYPE = re.compile(
    r"\|b1|[<>|][iu][1248]|[<>][f][248]|[<>]c(?:8|16)|\|S[1-9][0-9]{0,8}|[<>]U[1-9][0-9]{0,8}"
    r"|[<>][mM]8(?:\[[0-9]{0,9}[a-zA-Z]{1,2}\])?"
)
_SCALARS: Final = tuple(
    {
        np.bool_, np.byte, np.short, np.intc, np.int_, np.longlong,
        np.ubyte, np.ushort, np.uintc, np.uint, np.ulonglong,
        np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
        np.float16, np.float32, np.float64, np.complex64, np.complex128, np.datetime64, np.timedelta64,
    }
)  # fmt: skip


def adapters() -> tuple[Adapter, ...]:
    """Adapters for numpy's arrays and scalars."""
    return (
        Adapter("numpy.array", (np.ndarray,), _array_body, _array, mutable=True),
        Adapter("numpy.scalar", _SCALARS, _scalar_body, _scalar),
        Adapter("numpy.str", (np.str_,), lambda value, out: out.text(str(value)), _text),
        Adapter("numpy.bytes", (np.bytes_,), lambda value, out: out.blob(bytes(value)), _bytes),
    )


def _array_body(value: npt.NDArray[Any], out: Encoder) -> Json:
    if not _DTYPE.fullmatch(value.dtype.str) or value.dtype.fields:
        out.fail(
            f"is a numpy array of dtype {value.dtype}, which has no encoding. Save it as lists or as another dtype"
        )
    size = value.dtype.itemsize
    data = np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
    return [value.dtype.str, [*value.shape], out.blob(data, size & -size)]


def _array(body: Json, source: Decoder) -> npt.NDArray[Any]:
    match body:
        case [str(kind), list(sizes), data] if len(sizes) <= 32:
            dtype, shape = _dtype(kind, source), [size for size in sizes if type(size) is int and size >= 0]
            buffer = source.blob(data)
        case _:
            source.fail("is not a numpy array")
    if len(shape) != len(sizes) or math.prod(size or 1 for size in shape) > LARGEST_SHAPE:
        source.fail("is a numpy array of no possible shape")
    if math.prod(shape) * dtype.itemsize != len(buffer):
        source.fail(f"is a numpy array of shape {shape} whose {len(buffer):,} bytes do not fill it")
    array = np.frombuffer(buffer, dtype).reshape(shape)
    _check(array, source)
    # In a tensor of its own it is mapped and writable; out of base64 it is neither.
    return array.copy() if buffer.readonly else array


def _scalar_body(value: np.generic, out: Encoder) -> Json:
    return [value.dtype.str, base64.b64encode(value.tobytes()).decode()]


def _scalar(body: Json, source: Decoder) -> np.generic:
    match body:
        case [str(kind), str() as data]:
            dtype, buffer = _dtype(kind, source), source.blob(data)
        case _:
            source.fail("is not a numpy scalar")
    if len(buffer) != dtype.itemsize or dtype.kind in "SU":
        source.fail(f"is not a numpy scalar of dtype {dtype}")
    array = np.frombuffer(buffer, dtype)
    _check(array, source)
    scalar: np.generic = array[0]
    return scalar


def _text(body: Json, source: Decoder) -> np.str_:
    result: np.str_ = np.str_(source.text(body))
    return result


def _bytes(body: Json, source: Decoder) -> np.bytes_:
    result: np.bytes_ = np.bytes_(bytes(source.blob(body)))
    return result


def _dtype(kind: str, source: Decoder) -> np.dtype[Any]:
    if _DTYPE.fullmatch(kind):
        try:
            return np.dtype(kind)
        except TypeError:
            pass
    return source.fail(f"is of the numpy dtype {kind[:40]!r}, which is not read")


def _check(array: npt.NDArray[Any], source: Decoder) -> None:
    if array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        source.fail("holds a truth value that is neither 0 nor 1")
