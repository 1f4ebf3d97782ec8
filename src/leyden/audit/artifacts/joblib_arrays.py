"""Where a pickle of joblib goes on after the raw bytes of an array that it puts in the middle of the stream."""

from __future__ import annotations

import re
from math import prod
from typing import Final

from leyden.wire.pickle.interpret import interpret
from leyden.wire.pickle.machine import Inline
from leyden.wire.pickle.nodes import Dict, Object, Pickle, Value

_KIND = re.compile(r"[<>|=]?[biufcSUV](\d{1,4})")
_CHARACTER_BYTES: Final = 4
MOST_NESTED: Final = 10_000


def array_end(data: memoryview, nested: list[Pickle]) -> Inline:
    """For pickles of joblib in ``data``; the pickles that hold its arrays of objects are put into ``nested``."""

    def after(built: Object, at: int) -> int | None:
        if not built.calls("joblib.numpy_pickle", "NumpyArrayWrapper") or not isinstance(built.state, Dict):
            return None
        if _is_objects(built.state.get("dtype")) and len(nested) < MOST_NESTED:
            inner = interpret(data, at)
            nested.append(inner)
            return inner.stop if inner.broken is None else None
        size = _size(built.state)
        if size is None:
            return None
        if built.state.get("numpy_array_alignment_bytes") is not None:
            if at >= len(data):
                return None
            at += 1 + data[at]  # the number of bytes that align the array, and these
        return at + size if at + size <= len(data) else None

    return after


def _is_objects(dtype: Value) -> bool:
    if not isinstance(dtype, Object) or not dtype.calls("numpy", "dtype") or type(dtype.arguments) is not tuple:
        return False
    return dtype.arguments[:1] in (("O",), ("O8",), ("|O",))


def _size(state: Dict) -> int | None:
    """Bytes of the array, or None where they are not certain."""
    shape, dtype = state.get("shape"), state.get("dtype")
    if type(shape) is not tuple or not all(type(length) is int and 0 <= length < 1 << 48 for length in shape):
        return None
    size = _element(dtype)
    return None if size is None else size * prod(shape)


def _element(dtype: Value) -> int | None:
    if not isinstance(dtype, Object) or not dtype.calls("numpy", "dtype") or type(dtype.arguments) is not tuple:
        return None
    kind = dtype.arguments[0] if dtype.arguments else None
    match = _KIND.fullmatch(kind) if type(kind) is str else None
    if match is None:
        return None
    assert type(kind) is str
    return int(match[1]) * (_CHARACTER_BYTES if "U" in kind else 1)
