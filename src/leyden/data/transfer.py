"""Moving a batch to the device: tensors in any nesting of the usual containers."""

from __future__ import annotations

import dataclasses
import sys
from array import array
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor

_ATOMS = (str, bytes, bytearray, memoryview, range, array)  # sequences that hold no tensors
_UNSET = object()
_NUMBERS = {bool: torch.uint8, int: torch.int32, float: torch.float32}  # which collectives can carry


def move_to_device(batch: Any, device: torch.device) -> Any:
    """The batch with every tensor on ``device``; containers are rebuilt, what cannot move is passed through.

    Looks into sequences, mappings and dataclass instances of every type, and calls ``to(device)`` on anything that has
    it.
    """
    kind = type(batch)
    if kind is tuple or kind is list:
        for item in batch:
            if type(item) is not Tensor or item.device != device:
                break
        else:
            return kind(batch)  # the usual batch on the device that it came from: there is nothing to look into

    def move(leaf: Any) -> Any:
        if leaf.device == device:
            return leaf
        # Only a copy from the CPU can overlap with computing; elsewhere the flag would hide an unfinished copy.
        return leaf.to(device, non_blocking=leaf.device.type == "cpu" and device.type != "cpu")

    return map_leaves(batch, move, lambda other: _moved(other, device), _moves_itself)


def cast_floating(batch: Any, dtype: torch.dtype) -> Any:
    """The batch with every floating-point tensor in ``dtype``."""
    return map_leaves(batch, lambda leaf: leaf.to(dtype) if leaf.is_floating_point() else leaf, lambda other: other)


def with_tensors(data: Any, device: torch.device) -> Any:
    """The data with every number of Python's and every numpy array as a tensor on ``device``."""
    numpy = sys.modules.get("numpy")  # where nobody has imported it, there are no arrays of it

    def converted(value: Any) -> Any:
        if type(value) in _NUMBERS:
            return torch.tensor(value, dtype=_NUMBERS[type(value)], device=device)
        is_array = numpy is not None and isinstance(value, numpy.ndarray)
        return torch.from_numpy(value).to(device) if is_array else value

    return map_leaves(data, lambda leaf: leaf, converted)


def map_leaves(
    batch: Any,
    tensor: Callable[[Tensor], Any],
    other: Callable[[Any], Any],
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """Rebuild a nesting of containers with ``tensor`` applied to each tensor and ``other`` to each further leaf.

    Args:
        batch: the nesting.
        tensor: takes a tensor.
        other: takes what is neither a tensor nor a container.
        is_leaf: says of a container that is none of Python's plain ones whether it is a leaf nevertheless.
    """

    def walk(node: Any) -> Any:
        if isinstance(node, Tensor):
            return tensor(node)
        kind = type(node)
        if kind is tuple or kind is list:
            return kind([walk(item) for item in node])
        if kind is dict or kind is OrderedDict:
            return kind((key, walk(item)) for key, item in node.items())
        if isinstance(node, _ATOMS) or (is_leaf is not None and is_leaf(node)):
            return other(node)
        if dataclasses.is_dataclass(node) and not isinstance(node, type):
            return _map_fields(node, walk)
        if isinstance(node, Mapping):
            return _with_items(node, {key: walk(item) for key, item in node.items()})
        if isinstance(node, Sequence):
            return _with_elements(node, [walk(item) for item in node])
        return other(node)

    return walk(batch)


def _moves_itself(value: Any) -> bool:
    return callable(getattr(value, "to", None))


def _moved(value: Any, device: torch.device) -> Any:
    if not _moves_itself(value):
        return value
    moved = value.to(device)
    return value if moved is None else moved  # some move in place, and answer nothing


def _with_items(node: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    if all(node[key] is item for key, item in items.items()):
        return node
    if not isinstance(node, MutableMapping):
        return type(node)(items)  # type: ignore[call-arg]
    copied = copy(node)  # its constructor may want other arguments
    copied.update(items)
    return copied


def _with_elements(node: Sequence[Any], elements: list[Any]) -> Any:
    if all(new is old for new, old in zip(elements, node, strict=True)):
        return node
    if isinstance(node, tuple):
        copied = tuple.__new__(type(node), elements)
        if own := getattr(node, "__dict__", None):
            vars(copied).update(own)
        return copied
    if not isinstance(node, MutableSequence):
        return type(node)(elements)  # type: ignore[call-arg]
    changed = copy(node)
    for index, element in enumerate(elements):
        changed[index] = element
    return changed


def _map_fields(batch: Any, walk: Callable[[Any], Any]) -> Any:
    # Fields that __init__ does not take are set as they are found, which dataclasses.replace would refuse.
    copied = copy(batch)
    for field in dataclasses.fields(batch):
        if (value := getattr(batch, field.name, _UNSET)) is not _UNSET:
            object.__setattr__(copied, field.name, walk(value))
    return copied
