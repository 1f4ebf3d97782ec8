"""numpy's .npy files."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.artifacts.pickles import read_pickle
from leyden.audit.artifacts.streams import examine
from leyden.audit.finding import Artifact, File, Record, Severity
from leyden.audit.rules.artifacts import OBJECT_ARRAY, TRAILING
from leyden.audit.rules.engine import DAMAGED
from leyden.errors import FormatError

LONGEST_HEADER: Final = 1 << 16
_KIND: Final = re.compile(r"[<>|=]?([biufcmMSUVO])(\d*)(\[.*\])?")

_PYTHON2: Final = re.compile(r"(\d)L\b")


def read_npy(file: File) -> Iterator[Record]:
    """A numpy array: objects in it, and whether header and size agree."""
    try:
        start, descr, shape = _header(file.data)
        size, objects = _element(descr)
    except FormatError as error:
        yield DAMAGED.at(file.place, f"The numpy file cannot be read: {error}.", key="npy")
        return
    count = math.prod(shape)
    yield Artifact(file.place, "npy", len(file.data), tensors=1, parameters=count, dtypes=(str(descr)[:80],))
    if objects:
        pickle = read_pickle(file, start)
        findings = list(examine(file, pickle))
        message = "Its elements are Python objects, which are in it as a pickle."
        # numpy.load refuses it unless it is told otherwise, and then nothing happens that harms.
        severity = None if findings else Severity.INFO
        yield OBJECT_ARRAY.at(file.place, message, severity=severity, key="objects")
        yield from findings
        end = pickle.stop
    else:
        end = start + count * size
        if end > len(file.data):
            message = f"The array takes {count * size:,} bytes, and {len(file.data) - start:,} are there."
            yield DAMAGED.at(file.place, message, key="npy size")
    if end < len(file.data) and bytes(file.data[end : end + 2]) != b"\n":
        yield TRAILING.at(file.place.at_byte(end), f"{len(file.data) - end:,} bytes follow the array.", key="bytes")


def _header(data: memoryview) -> tuple[int, object, tuple[int, ...]]:
    major = data[6] if len(data) > 9 else 0
    if major not in (1, 2, 3):
        raise FormatError(f"there is no version {major}")
    width = 2 if major == 1 else 4
    length = int.from_bytes(data[8 : 8 + width], "little")
    start = 8 + width + length
    if length > LONGEST_HEADER or start > len(data):
        raise FormatError(f"its header has {length:,} bytes")
    try:
        text = str(data[8 + width : start], "utf-8" if major == 3 else "latin-1")
        header = ast.literal_eval(_PYTHON2.sub(r"\1", text.strip()))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise FormatError("its header is not a dictionary of plain values") from None
    if not isinstance(header, dict) or header.keys() != {"descr", "fortran_order", "shape"}:
        raise FormatError("its header has other keys than descr, fortran_order and shape")
    shape = header["shape"]
    if not isinstance(shape, tuple) or not all(type(length) is int and 0 <= length < 1 << 60 for length in shape):
        raise FormatError("its shape is not a tuple of numbers")
    return start, header["descr"], shape


def _element(descr: object, depth: int = 0) -> tuple[int, bool]:
    """Bytes of one element, and whether objects are in it."""
    if depth > 16:
        raise FormatError("its type is nested too deep")
    match descr:
        case str():
            match_ = _KIND.fullmatch(descr)
            if match_ is None:
                raise FormatError(f"its type {descr[:40]!r} is unknown")
            kind, digits, _ = match_.groups()
            return int(digits[:9] or 8) * (4 if kind == "U" else 1), kind == "O"
        case (str() | tuple() | list() as inner, tuple() as shape) if all(type(n) is int and n >= 0 for n in shape):
            size, objects = _element(inner, depth + 1)
            return size * math.prod(shape), objects
        case list():
            sizes = [_field(field, depth + 1) for field in descr]
            return sum(size for size, _ in sizes), any(objects for _, objects in sizes)
        case _:
            raise FormatError("its type is unknown")


def _field(field: object, depth: int) -> tuple[int, bool]:
    match field:
        case (_, descr):
            return _element(descr, depth)
        case (_, descr, tuple() as shape):
            return _element((descr, shape), depth)
        case (_, descr, int() as length):
            return _element((descr, (length,)), depth)
        case _:
            raise FormatError("its type is unknown")
