"""Tensors in a pickle: what torch's functions would rebuild, as views of storages that lie within them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from leyden.wire.legacy.described import (
    ITEM_BYTES,
    STORAGES,
    Attributed,
    Bare,
    Layout,
    Meta,
    Parameter,
    Size,
    Sparse,
    Tensor,
)
from leyden.wire.legacy.values import STORAGE, Call, Reader
from leyden.wire.pickle.nodes import Dict, Global, Name, Object, Persistent, Value
from leyden.wire.pickle.storages import Storage, storage_of

_REBUILD: Final = "torch._utils"
_TENSORS: Final = {
    ("torch", "Tensor"),
    ("torch._tensor", "Tensor"),
    ("torch.nn.parameter", "Parameter"),
    ("torch.nn.parameter", "Buffer"),
}
_LAYOUTS: Final = ("strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
_REPEATED: Final = 1 << 20  # bytes that the elements of a small tensor may seem to take


def _first(made: Object, source: Reader) -> Any:
    """As torch before 0.4 wrote them: storage, offset, shape, strides."""
    match made.arguments:
        case (memory, offset, shape, stride):
            return _view(memory, offset, shape, stride, False, None, None, source)
        case _:
            return source.outside(made)


def _second(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (memory, offset, shape, stride, bool(grad), hooks, *more) if _is_empty(hooks) and len(more) < 2:
            return _view(memory, offset, shape, stride, grad, None, more[0] if more else None, source)
        case _:
            return source.fail("is a tensor with hooks, or one that is written in an unusual way")


def _third(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (memory, offset, shape, stride, bool(grad), hooks, dtype, *more) if _is_empty(hooks) and len(more) < 2:
            return _view(memory, offset, shape, stride, grad, dtype, more[0] if more else None, source)
        case _:
            return source.fail("is a tensor with hooks, or one that is written in an unusual way")


def _view(
    memory: Value,
    offset: Value,
    shape: Value,
    stride: Value,
    grad: bool,
    dtype: Value,
    metadata: Value,
    source: Reader,
) -> Any:
    storage = _storage(memory, source)
    name = STORAGES.get(storage.kind) if dtype is None else _dtype_of(dtype)
    if name is None:
        what = storage.kind if dtype is None else "type that torch cannot write out"
        source.fail(f"is a tensor of a {what}, which is not read. Save it as another dtype")
    conj, neg = _metadata(metadata, source)
    tensor = Tensor(
        storage.key, name, source.naturals(shape), source.naturals(stride), source.natural(offset), grad, conj, neg
    )
    _check_inside(tensor, storage, source)
    return source.make(tensor)


def _storage(memory: Value, source: Reader) -> Storage:
    storage = storage_of(memory) if isinstance(memory, Persistent) else None
    if storage is None:
        source.fail("is a tensor whose memory is not in the file, or is written in an unusual way")
    if any(more is not None for more in memory.identity[5:]):
        source.fail(
            "is a tensor in a part of another storage, as torch before 0.4 wrote them. Save it with a newer one"
        )
    if storage.key not in source.storages:
        source.fail("is a tensor whose memory is not in the file")
    return storage


def _dtype_of(value: Value) -> str | None:
    known = isinstance(value, Global) and value.module == "torch" and value.name in ITEM_BYTES
    return value.name if known else None


def _metadata(value: Value, source: Reader) -> tuple[bool, bool]:
    """Whether the tensor shows conjugates, and negatives, of what is stored."""
    if value is None:
        return False, False
    flags = source.value(value)
    if (
        type(flags) is not dict
        or not flags.keys() <= {"conj", "neg"}
        or not all(flag is True for flag in flags.values())
    ):
        source.fail("is a tensor with metadata that is not known")
    return "conj" in flags, "neg" in flags


def _check_inside(tensor: Tensor, storage: Storage, source: Reader) -> None:
    if len(tensor.shape) != len(tensor.stride):
        source.fail("is a tensor whose shape and strides differ")
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride, strict=True))
    if (last + 1 if tensor.numel else tensor.offset) * tensor.itemsize > storage.nbytes:
        source.fail("is a tensor that reaches beyond its storage")
    # An expanded tensor of a few bytes could stand for any number of them.
    if tensor.numel * tensor.itemsize > max(storage.nbytes, _REPEATED):
        source.fail("is a tensor that repeats its storage. Save tensor.clone()")


def _is_empty(value: Value) -> bool:
    """Whether a value says nothing: no hooks."""
    if isinstance(value, Dict):
        return not value.pairs
    return value is None or (isinstance(value, Object) and not (value.pairs or value.items or value.state))


def _parameter(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (data, bool(trained), hooks) if _is_empty(hooks) and isinstance(data, Object):
            return source.make(Parameter(source.value(data), trained))
        case _:
            return source.outside(made)


def _parameter_with_state(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (data, bool(trained), hooks, state) if _is_empty(hooks) and isinstance(data, Object):
            return _attributed(source.make(Parameter(source.value(data), trained)), state, source)
        case _:
            return source.outside(made)


def _from_type(made: Object, source: Reader) -> Any:
    """A tensor with attributes, or of a subclass, which is nothing that torch alone could make."""
    match made.arguments:
        case (Global(module="torch._utils") as function, Global() as kind, tuple() as arguments, state) if (
            kind.key in _TENSORS
        ):
            call = REBUILT.get(function.key)
            if call is None or (kind.name == "Parameter") != (call is _parameter):
                return source.outside(made)
            return _attributed(call(Object(function, arguments, None, made.at), source), state, source)
        case _:
            return source.outside(made)


def _attributed(data: Any, state: Value, source: Reader) -> Any:
    match state:
        case (attributes, slots) if _is_empty(slots):
            state = attributes
        case _:
            pass
    attributes = source.attributes(state)
    return source.make(Attributed(data, attributes)) if attributes else data


def _sparse(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (layout, tuple() as parts) if parts:
            name = _layout_name(layout)
        case _:
            return source.outside(made)
    if name is None or name == "strided":
        source.fail("is a sparse tensor of a layout that is not known")
    flags = parts[3:] if name == "sparse_coo" else ()
    *tensors, shape = parts[: len(parts) - len(flags)]
    if len(tensors) != (2 if name == "sparse_coo" else 3) or not all(isinstance(part, Object) for part in tensors):
        source.fail("is a sparse tensor that is written in an unusual way")
    return source.make(Sparse(name, (*map(source.value, tensors), source.naturals(shape)), flags == (True,)))


def _meta(made: Object, source: Reader) -> Any:
    match made.arguments:
        case (Global(module="torch", name=name), shape, stride, bool(grad)) if name in ITEM_BYTES:
            lengths, steps = source.naturals(shape), source.naturals(stride)
            if len(lengths) != len(steps):
                source.fail("is a tensor whose shape and strides differ")
            return source.make(Meta(name, lengths, steps, grad))
        case _:
            return source.outside(made)


def _unread(what: str, way_out: str) -> Call:
    def refuse(made: Object, source: Reader) -> Any:
        source.fail(f"is a {what}, which is not read. {way_out}")

    return refuse


def _layout(made: Object, source: Reader) -> Any:
    name = _layout_name(made)
    return source.outside(made) if name is None else source.make(Layout(name))


def _layout_name(value: Value) -> str | None:
    if isinstance(value, Object) and value.calls("torch.serialization", "_get_layout"):
        match value.arguments:
            case (str(text),) if text.removeprefix("torch.") in _LAYOUTS:
                return text.removeprefix("torch.")
            case _:
                pass
    return None


def _size(made: Object, source: Reader) -> Any:
    return source.make(Size(source.naturals(made.arguments[0]))) if len(made.arguments) == 1 else source.outside(made)


def _bare(value: Persistent, source: Reader) -> Any:
    storage = storage_of(value)
    if storage is None or storage.key not in source.storages:
        return source.outside(value)
    kind = STORAGES.get(storage.kind)
    if kind is None and storage.kind != "UntypedStorage":
        source.fail(f"is a {storage.kind}, which is not read")
    return source.make(Bare(storage.key, kind))


_TO_DENSE: Final = "Save tensor.to_dense() or its parts"
REBUILT: Final[Mapping[Name, Call]] = {
    (_REBUILD, "_rebuild_tensor"): _first,
    (_REBUILD, "_rebuild_tensor_v2"): _second,
    (_REBUILD, "_rebuild_tensor_v3"): _third,
    (_REBUILD, "_rebuild_parameter"): _parameter,
    (_REBUILD, "_rebuild_parameter_with_state"): _parameter_with_state,
    (_REBUILD, "_rebuild_sparse_tensor"): _sparse,
    (_REBUILD, "_rebuild_meta_tensor_no_storage"): _meta,
    (_REBUILD, "_rebuild_qtensor"): _unread("quantized tensor", "Save its int_repr() with its scale and zero point"),
    (_REBUILD, "_rebuild_nested_tensor"): _unread("nested tensor", "Save tensor.unbind()"),
    (_REBUILD, "_rebuild_wrapper_subclass"): _unread("tensor of a subclass", "Save the tensors that it wraps"),
    (_REBUILD, "_rebuild_device_tensor_from_numpy"): _unread("tensor of another device", "Save tensor.cpu()"),
    (_REBUILD, "_rebuild_device_tensor_from_cpu_tensor"): _unread("tensor of another device", "Save tensor.cpu()"),
}
TENSORS: Final[Mapping[Name, Call]] = {
    **REBUILT,
    STORAGE: _bare,
    ("torch._tensor", "_rebuild_from_type_v2"): _from_type,
    ("torch.serialization", "_get_layout"): _layout,
    ("torch", "Size"): _size,
}
