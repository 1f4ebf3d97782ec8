"""Tensors of a torch file as data: where their elements lie, and those elements in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, TypeAlias, final

from leyden.wire.decode import Decoder
from leyden.wire.encode import Encoder
from leyden.wire.envelope import Leaf
from leyden.wire.legacy.described import AttributeDict, Device, Dtype, Parameter, Size, Tensor, Version
from leyden.wire.strict_json import Json
from leyden.wire.values import Adapter

# Names of torch's dtypes, and how a safetensors file calls them; None: stored as plain bytes, and named in the tree.
DTYPES: Final[Mapping[str, str | None]] = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "complex64": "C64",
    "complex128": None,
    "complex32": None,
    "float8_e8m0fnu": None,
    "float4_e2m1fn_x2": None,
    "bits8": None,
    "bits16": None,
}
# How memoryview calls elements of so many bytes; elements of 16 bytes are taken as pairs.
_CASTS: Final[Mapping[int, Literal["B", "H", "I", "Q"]]] = {1: "B", 2: "H", 4: "I", 8: "Q"}

Content: TypeAlias = Callable[[str], memoryview]  # the bytes of a storage, by its key


def elements(tensor: Tensor, content: memoryview) -> Iterator[memoryview]:
    """The elements in row-major order, in pieces; the caller has checked that they lie within ``content``."""
    size = tensor.itemsize
    if size == 16:  # a complex number is two floats one after the other
        halves = Tensor("", "float64", (*tensor.shape, 2), (*(2 * s for s in tensor.stride), 1), 2 * tensor.offset)
        yield from elements(halves, content)
        return
    if 0 in tensor.shape:
        return
    shape, stride = _merged(tensor.shape, tensor.stride)
    if not shape or (len(shape) == 1 and stride[0] == 1):
        yield content[tensor.offset * size : (tensor.offset + math.prod(shape)) * size]
        return
    cells = content[: len(content) // size * size].cast("B").cast(_CASTS[size])
    length, step = shape[-1], stride[-1]
    for start in _starts(shape[:-1], stride[:-1], tensor.offset):
        if step == 0:
            yield memoryview(bytes(cells[start : start + 1]) * length)
        else:
            yield memoryview(cells[start : start + (length - 1) * step + 1 : step].tobytes())


def adapters(content: Content) -> tuple[Adapter, ...]:
    """How these values are written: as leyden.checkpoint writes torch's own. ``content`` gives storages."""
    stored = _Stored(content)
    return (
        Adapter("tensor", (Tensor,), stored.body, _used, mutable=True),
        Adapter("parameter", (Parameter,), stored.parameter, _used_by_parameter, mutable=True),
        Adapter("Size", (Size,), lambda value, _: [*value.lengths], _word),
        Adapter("dtype", (Dtype,), lambda value, _: value.name, _word),
        Adapter("device", (Device,), lambda value, _: value.name, _word),
        Adapter("TorchVersion", (Version,), lambda value, _: value.text, _word),
        Adapter("AttributeDict", (AttributeDict,), lambda value, out: out.value(dict(value)), _items, mutable=True),
    )


@final
class _Stored:
    """The tensors of one file, each view of a storage under one name."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._names: dict[tuple[object, ...], tuple[str, tuple[int, ...]]] = {}

    def parameter(self, value: Parameter, out: Encoder) -> Json:
        return [self.body(value.data, out), value.requires_grad]

    def body(self, value: Tensor, out: Encoder) -> Json:
        contiguous = _merged(value.shape, value.stride)[1] in ((), (1,))
        layout = value.numel if contiguous else (value.shape, value.stride)
        place = (value.storage, value.dtype, value.offset, layout)
        if value.numel and place in self._names:
            name, first = self._names[place]
            return name if value.shape == first else [name, value.dtype, [*value.shape]]
        native, size = DTYPES[value.dtype], value.numel * value.itemsize
        content = self._content(value.storage)
        if value.dtype == "bool" and any(bytes(part).strip(b"\0\1") for part in elements(value, content)):
            out.fail("is a tensor of bool with other bytes than 0 and 1")

        def read() -> memoryview:
            parts = list(elements(value, content))
            return parts[0].cast("B") if len(parts) == 1 else memoryview(b"".join(parts))

        if native is None:
            name = out.leaf(Leaf("U8", (size,), value.itemsize, read))
            body: Json = [name, value.dtype, [*value.shape]]
        else:
            name = out.leaf(Leaf(native, value.shape, value.itemsize, read))
            body = name
        if value.numel:
            self._names[place] = (name, value.shape)
        return body


def _merged(shape: tuple[int, ...], stride: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The same elements in the same order with as few dimensions as can be."""
    lengths: list[int] = []
    steps: list[int] = []
    for length, step in zip(shape, stride, strict=True):
        if length == 1:
            continue
        if lengths and steps[-1] == length * step:
            lengths[-1] *= length
            steps[-1] = step
        else:
            lengths.append(length)
            steps.append(step)
    return tuple(lengths), tuple(steps)


def _starts(shape: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Iterator[int]:
    """Where each row begins."""
    if not shape:
        yield offset
        return
    for index in range(shape[0]):
        yield from _starts(shape[1:], stride[1:], offset + index * stride[0])


# Back again, only to see that a tree can be read: what the tensors are is for leyden.checkpoint to say.


def _used(body: Json, source: Decoder) -> object:
    match body:
        case str(name) | [str(name), str(), list()]:
            source.used.add(name)
            return None
        case _:
            return source.fail("is not a tensor")


def _used_by_parameter(body: Json, source: Decoder) -> object:
    match body:
        case [data, bool()]:
            return _used(data, source)
        case _:
            return source.fail("is not a parameter")


def _word(body: Json, source: Decoder) -> object:
    return str(body)


def _items(body: Json, source: Decoder) -> object:
    return source.value(body)
