"""Torch's values for the tree codec: tensors, parameters, dtypes, devices, sizes."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.torch_version import TorchVersion

from leyden.wire.decode import Decoder
from leyden.wire.encode import Encoder
from leyden.wire.envelope import Leaf
from leyden.wire.safetensors import LARGEST_SHAPE, MOST_DIMENSIONS
from leyden.wire.strict_json import Json
from leyden.wire.values import Adapter

NATIVE: Final[dict[torch.dtype, str]] = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.uint16: "U16",
    torch.int16: "I16",
    torch.uint32: "U32",
    torch.int32: "I32",
    torch.uint64: "U64",
    torch.int64: "I64",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.float8_e4m3fnuz: "F8_E4M3FNUZ",
    torch.float8_e5m2fnuz: "F8_E5M2FNUZ",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.complex64: "C64",
}
FROM_NATIVE: Final[Mapping[str, torch.dtype]] = {name: dtype for dtype, name in NATIVE.items()} | {
    "F8_E8M0": torch.float8_e8m0fnu
}
# Stored as U8, since safetensors or its torch part has no such type.
RAW: Final[dict[torch.dtype, str]] = {
    torch.complex128: "complex128",
    torch.complex32: "complex32",
    torch.float8_e8m0fnu: "float8_e8m0fnu",
    torch.float4_e2m1fn_x2: "float4_e2m1fn_x2",
    torch.bits8: "bits8",
    torch.bits16: "bits16",
}
_NAMES: Final[Mapping[torch.dtype, str]] = {dtype: str(dtype).removeprefix("torch.") for dtype in NATIVE} | RAW
_BY_NAME: Final[Mapping[str, torch.dtype]] = {name: dtype for dtype, name in _NAMES.items()}
_DEVICE = re.compile(r"[a-z]{1,20}(?::[0-9]{1,4})?")

Fetch = Callable[[str], "Tensor | None"]


def adapters(fetch: Fetch) -> tuple[Adapter, ...]:
    """Adapters for one pass over one tree; ``fetch`` gives the tensor that a file has under a name."""
    stored = _Stored()

    def tensor(body: Json, source: Decoder) -> Tensor:
        return _tensor(body, source, fetch)

    return (
        Adapter("tensor", (Tensor,), stored.body, tensor, mutable=True),
        Adapter(
            "parameter",
            (nn.Parameter,),
            lambda value, out: [stored.body(value, out), value.requires_grad],
            lambda body, source: _parameter(body, source, tensor),
            mutable=True,
        ),
        Adapter("dtype", (torch.dtype,), _dtype_body, _dtype),
        Adapter("device", (torch.device,), lambda value, _: str(value), _device),
        Adapter(
            "Size", (torch.Size,), lambda value, _: [*value], lambda body, source: torch.Size(_shape(body, source))
        ),
        Adapter("TorchVersion", (TorchVersion,), lambda value, _: str(value), _version),
    )


@final
class _Stored:
    """The tensors of one save, each piece of memory under one name: tied weights are stored once."""

    def __init__(self) -> None:
        self._names: dict[tuple[Any, ...], tuple[str, tuple[int, ...]]] = {}
        self._alive: list[Tensor] = []  # so that no address is used twice

    def body(self, value: Tensor, out: Encoder) -> Json:
        _check(value, out)
        tensor = value.detach().resolve_conj().resolve_neg()
        shape = tuple(tensor.shape)
        layout = (tensor.numel(),) if tensor.is_contiguous() else (shape, tensor.stride())
        place = (tensor.device, tensor.data_ptr(), tensor.dtype, layout)
        if tensor.numel() == 0:
            return self._store(tensor, out)
        if place in self._names:
            name, first = self._names[place]
            return name if shape == first else [name, _NAMES[tensor.dtype], [*shape]]
        body = self._store(tensor, out)
        self._names[place] = (body if isinstance(body, str) else str(body[0]), shape)
        return body

    def _store(self, tensor: Tensor, out: Encoder) -> str | list[Json]:
        self._alive.append(tensor)
        shape, size = tuple(tensor.shape), tensor.element_size()
        dtype = NATIVE.get(tensor.dtype)
        if dtype is not None:
            return out.leaf(Leaf(dtype, shape, size, lambda: bytes_of(tensor)))
        name = out.leaf(Leaf("U8", (tensor.numel() * size,), size, lambda: bytes_of(tensor)))
        return [name, RAW[tensor.dtype], [*shape]]


def bytes_of(tensor: Tensor) -> memoryview:
    """The elements of a tensor in order, without a copy where they lie so in memory already."""
    here = tensor.cpu().contiguous()
    size = here.numel() * here.element_size()
    if size == 0:
        return memoryview(b"")
    window = (ctypes.c_ubyte * size).from_address(here.data_ptr())
    window.tensor = here  # type: ignore[attr-defined]  # the memory lives as long as the window
    return memoryview(window).cast("B")


def _check(value: Tensor, out: Encoder) -> None:
    if value.is_nested:
        out.fail("is a nested tensor. Save value.unbind() or value.to_padded_tensor(0)")
    if value.is_quantized:
        out.fail("is a quantized tensor. Save value.int_repr() with its scale and zero point")
    if value.layout is not torch.strided:
        out.fail(f"is a tensor of layout {value.layout}. Save value.to_dense(), or its indices and values")
    if value.device.type == "meta":
        out.fail("is on the meta device and holds no data. Give it memory with to_empty() and values first")
    if value.dtype not in _NAMES:
        out.fail(f"is a tensor of {value.dtype}, which has no encoding. Save it as another dtype")


def _tensor(body: Json, source: Decoder, fetch: Fetch) -> Tensor:
    match body:
        case str(name):
            return _fetched(name, source, fetch)
        case [str(name), str(kind), shape]:
            stored, sizes, dtype = _fetched(name, source, fetch), _shape(shape, source), _BY_NAME.get(kind)
            same = dtype is stored.dtype or (dtype in RAW and stored.dtype is torch.uint8)
            if dtype is None or not same:
                source.fail(f"is a view of the tensor {name[:200]!r} as {kind[:40]!r}, which it cannot be")
            if math.prod(sizes) * dtype.itemsize != stored.numel() * stored.element_size():
                source.fail(f"is a view of the tensor {name[:200]!r} with another number of elements")
            return stored.reshape(-1).view(dtype).reshape(sizes)
        case _:
            return source.fail("is not a tensor")


def _fetched(name: str, source: Decoder, fetch: Fetch) -> Tensor:
    tensor = fetch(name)
    if tensor is None:
        source.fail(f"refers to the tensor {name[:200]!r}, which is not in the file")
    source.used.add(name)
    return tensor


def _parameter(body: Json, source: Decoder, tensor: Callable[[Json, Decoder], Tensor]) -> nn.Parameter:
    match body:
        case [data, bool(requires_grad)]:
            values = tensor(data, source)
            if requires_grad and not (values.is_floating_point() or values.is_complex()):
                source.fail(f"is a parameter of {values.dtype} with a gradient, which it cannot have")
            return nn.Parameter(values, requires_grad)
        case _:
            return source.fail("is not a parameter")


def _dtype_body(value: torch.dtype, out: Encoder) -> Json:
    return _NAMES[value] if value in _NAMES else out.fail(f"is {value}, which has no encoding. Save str(value)")


def _dtype(body: Json, source: Decoder) -> torch.dtype:
    dtype = _BY_NAME.get(body) if isinstance(body, str) else None
    return dtype if dtype is not None else source.fail("is not a dtype")


def _device(body: Json, source: Decoder) -> torch.device:
    if isinstance(body, str) and _DEVICE.fullmatch(body):
        try:
            return torch.device(body)
        except RuntimeError:
            pass
    return source.fail("is not a device that this version of torch knows")


def _shape(body: Json, source: Decoder) -> tuple[int, ...]:
    if isinstance(body, list) and len(body) <= MOST_DIMENSIONS:
        sizes = [size for size in body if type(size) is int and size >= 0]
        if len(sizes) == len(body) and math.prod(size or 1 for size in sizes) <= LARGEST_SHAPE:
            return tuple(sizes)
    return source.fail("is not the size of a tensor")


def _version(body: Json, source: Decoder) -> TorchVersion:
    return TorchVersion(body) if isinstance(body, str) else source.fail("is not a version of torch")
