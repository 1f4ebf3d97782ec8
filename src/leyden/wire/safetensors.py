"""The header of a safetensors file, read strictly: every byte of the file has exactly one meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from leyden.errors import FormatError
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

BITS: Final[Mapping[str, int]] = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "F8_E8M0": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
    "C64": 64,
}
LARGEST_HEADER: Final = 100_000_000  # bytes: what the safetensors library accepts
MOST_TENSORS: Final = 200_000
MOST_DIMENSIONS: Final = 64
LARGEST_SHAPE: Final = 2**56  # an empty tensor may have any other sizes, and their product must fit in 64 bits
_FIELDS = {"dtype", "shape", "data_offsets"}


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """Where one tensor lies in a file: bytes ``start`` to ``stop``, counted from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@final
@dataclass(frozen=True)
class Header:
    """What a file says that it holds; entries are in the order of the data."""

    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    data_start: int


def size_of(dtype: str, shape: tuple[int, ...]) -> int | None:
    """Bytes of a tensor, or None where the elements do not fill whole bytes."""
    bits = BITS[dtype]
    for length in shape:
        bits *= length
    return bits // 8 if bits % 8 == 0 else None


def read_header(data: memoryview, where: str) -> Header:
    """Parse and check the header of the file whose bytes are ``data``; ``where`` names it in errors."""
    data_start = header_length(data, where)
    try:
        text = str(data[8:data_start], "utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{where}: the header is not UTF-8 at byte {error.start}. The file is damaged.") from None
    text = text.rstrip(" ")
    if not (text.startswith("{") and text.endswith("}")):
        raise FormatError(f"{where}: the header is not one JSON object. The file is damaged.")
    what = f"{where}: the header"
    members = strict_json.loads(text, depth=3, values=10 * MOST_TENSORS, what=what)
    assert isinstance(members, dict)
    metadata = _metadata(members.pop("__metadata__", {}), where)
    if len(members) > MOST_TENSORS:
        raise FormatError(f"{where}: {len(members):,} tensors; {MOST_TENSORS:,} is the limit.")
    entries = {}
    position = data_start
    for name, fields in members.items():
        entries[name] = _entry(name, fields, data_start, position, where)
        position = entries[name].stop
    if position > len(data):
        raise FormatError(
            f"{where} is cut short: its tensors end at byte {position:,}, and it has {len(data):,} bytes. "
            "Use another copy of the file."
        )
    if position < len(data):
        raise FormatError(
            f"{where} has {len(data) - position:,} bytes after its last tensor, which belong to nothing. "
            "It was not written so: use another copy of the file."
        )
    return Header(entries, metadata, data_start)


def header_length(data: memoryview, where: str) -> int:
    """Where the tensors' data starts, from the first eight bytes of the file."""
    if len(data) < 10:
        raise FormatError(f"{where} has {len(data)} bytes, too few for a checkpoint. Use another copy of the file.")
    length = int.from_bytes(data[:8], "little")
    if data[8] != ord("{") or length > LARGEST_HEADER:
        raise FormatError(f"{where} is not a checkpoint: {_kind(data)}")
    if 8 + length > len(data):
        raise FormatError(
            f"{where} is cut short: its header ends at byte {8 + length:,}, and it has {len(data):,} bytes. "
            "Use another copy of the file."
        )
    return 8 + length


def _kind(data: memoryview) -> str:
    start = bytes(data[:4])
    pickled = (
        "which can run code when it is opened. Leyden did not open it: nothing was unpickled. The way out: leyden "
        "convert OLD NEW, which interprets the pickle and never runs it."
    )
    if start in (b"PK\x03\x04", b"PK\x05\x06"):
        return f"it is a zip archive as torch.save and PyTorch Lightning write them, with a pickle inside, {pickled}"
    if start[0] == 0x80 and start[1] in range(2, 6):
        return f"it is a pickle, {pickled}"
    return "it does not begin as a safetensors file does. Check the path, or use another copy of the file."


def _metadata(value: Json, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise FormatError(f"{where}: __metadata__ in the header is not an object.")
    texts = {}
    for key, text in value.items():
        if not isinstance(text, str):
            raise FormatError(f"{where}: __metadata__ in the header has a value that is not text, under {key[:200]!r}.")
        texts[key] = text
    return texts


def _entry(name: str, fields: Json, data_start: int, position: int, where: str) -> Entry:
    what = f"{where}: tensor {name[:200]!r}"
    if not name.isascii() and name != name.encode("utf-8", "replace").decode():
        raise FormatError(f"{what} has a name that is not valid Unicode.")
    if not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise FormatError(f"{what} is not described by dtype, shape and data_offsets, and these alone.")
    dtype = fields["dtype"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise FormatError(f"{what} has the unknown dtype {str(dtype)[:40]!r}.")
    shape = _naturals(fields["shape"], f"{what}: its shape")
    if len(shape) > MOST_DIMENSIONS or math.prod(length or 1 for length in shape) > LARGEST_SHAPE:
        raise FormatError(f"{what} has a shape beyond {MOST_DIMENSIONS} dimensions or 2**56 elements.")
    offsets = _naturals(fields["data_offsets"], f"{what}: data_offsets")
    if len(offsets) != 2:
        raise FormatError(f"{what}: data_offsets are not two numbers.")
    start, stop = data_start + offsets[0], data_start + offsets[1]
    if start != position:
        raise FormatError(
            f"{what} starts at byte {start:,} and not where the one before it ends, at byte {position:,}. "
            "Overlaps, holes and unsorted tensors are refused; save_file of the safetensors library sorts them."
        )
    if size_of(dtype, shape) != stop - start:
        raise FormatError(f"{what}: {dtype} of shape {list(shape)} does not take its {stop - start:,} bytes.")
    return Entry(dtype, shape, start, stop)


def _naturals(value: Json, what: str) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise FormatError(f"{what} is not a list of numbers.")
    numbers = []
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise FormatError(f"{what} holds what is not a whole number from 0 upwards.")
        numbers.append(number)
    return tuple(numbers)
