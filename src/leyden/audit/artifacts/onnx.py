"""ONNX models: protocol buffers, of which only the references to files are of interest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from leyden.audit.artifacts.paths import escapes
from leyden.audit.finding import Artifact, File, Finding, Record
from leyden.audit.rules.artifacts import ESCAPES
from leyden.audit.rules.engine import DAMAGED
from leyden.errors import FormatError

# The numbers of the fields that lead to tensors, by message, with the message that each holds.
_FIELDS: Final[Mapping[str, Mapping[int, str]]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "External"},
    "External": {},
}
_MODEL_FIELDS: Final = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26))
_MODEL_NUMBERS: Final = frozenset((1, 5))  # those of them that are numbers, and not texts or messages
_FIRST: Final = frozenset(
    (field << 3 | (0 if field in (1, 5) else 2)) & 0x7F | (0x80 if field > 15 else 0) for field in _MODEL_FIELDS
)
MOST_FIELDS: Final = 3_000_000
_DEEPEST: Final = 100


def looks_like_model(data: memoryview) -> bool:
    """Whether the fields of a ModelProto fill the data, in any order: a version and a graph are among them."""
    if len(data) < 8 or data[0] not in _FIRST:
        return False
    numbers: set[int] = set()
    try:
        for count, (number, _, end) in enumerate(_fields(data, 0, len(data))):
            if number not in _MODEL_FIELDS or (number in _MODEL_NUMBERS) != (end < 0) or count > MOST_FIELDS:
                return False
            numbers.add(number)
    except FormatError:
        return False
    return {1, 7} <= numbers


def read_onnx(file: File) -> Iterator[Record]:
    """References of an ONNX model to files outside of its directory."""
    tensors = 0
    findings: list[Finding] = []
    problem = ""
    try:
        for path in _locations(file):
            tensors += 1
            if escapes(path):
                message = f"A tensor's data is in {path[:200]!r}, outside of the model's directory."
                findings.append(ESCAPES.at(file.place, message, key=path[:200]))
    except FormatError as error:
        problem = str(error)
    yield Artifact(file.place, "onnx", len(file.data), properties={"external_tensors": str(tensors)} if tensors else {})
    yield from findings
    if problem:
        yield DAMAGED.at(file.place, f"The ONNX model cannot be read to its end: {problem}.", key="onnx")


def _locations(file: File) -> Iterator[str]:
    """Where tensors say that their data is, beside the model."""
    waiting = [("Model", 0, len(file.data), 0)]
    count = 0
    while waiting:
        message, start, stop, depth = waiting.pop()
        entry = {}
        for number, at, end in _fields(file.data, start, stop):
            count += 1
            if count % 10_000 == 0:
                file.budget.take()
            if count > MOST_FIELDS or depth > _DEEPEST:
                raise FormatError(f"it has over {MOST_FIELDS:,} fields or {_DEEPEST} levels, the limit")
            inside = _FIELDS[message].get(number)
            if inside is not None and end >= 0:
                waiting.append((inside, at, end, depth + 1))
            elif message == "External" and number in (1, 2) and end >= 0:
                entry[number] = str(bytes(file.data[at : min(end, at + 4096)]), "utf-8", "backslashreplace")
        if entry.get(1) == "location":
            yield entry.get(2, "")


def _fields(data: memoryview, at: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each field; the end is -1 for numbers."""
    while at < stop:
        tag, at = _varint(data, at, stop)
        number, wire = tag >> 3, tag & 7
        if wire == 2:
            size, at = _varint(data, at, stop)
            if size > stop - at:
                raise FormatError(f"a field at byte {at:,} goes beyond the end of what holds it")
            yield number, at, at + size
            at += size
            continue
        if wire == 0:
            _, at = _varint(data, at, stop)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise FormatError(f"there is no field at byte {at:,}")
        if at > stop or number == 0:
            raise FormatError(f"there is no field at byte {at:,}")
        yield number, at, -1


def _varint(data: memoryview, at: int, stop: int) -> tuple[int, int]:
    value = shift = 0
    while at < stop and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise FormatError(f"a number at byte {at:,} has no end")
