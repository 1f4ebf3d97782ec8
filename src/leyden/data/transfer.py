"""Moving a batch to the device: tensors in any nesting of the usual containers."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def move_to_device(batch: Any, device: torch.device) -> Any:
    """The batch with every tensor on ``device``; containers are rebuilt, what cannot move is passed through.

    Looks into tuples, named tuples, lists, dicts and dataclass instances, and calls ``to(device)`` on anything else
    that has it.
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

    return map_leaves(batch, move, lambda other: other.to(device) if callable(getattr(other, "to", None)) else other)


def cast_floating(batch: Any, dtype: torch.dtype) -> Any:
    """The batch with every floating-point tensor in ``dtype``."""
    return map_leaves(batch, lambda leaf: leaf.to(dtype) if leaf.is_floating_point() else leaf, lambda other: other)


def map_leaves(batch: Any, tensor: Callable[[Tensor], Any], other: Callable[[Any], Any]) -> Any:
    """Rebuild a nesting of containers with ``tensor`` applied to each tensor and ``other`` to each further leaf."""
    if isinstance(batch, Tensor):
        return tensor(batch)
    kind = type(batch)
    if kind is tuple or kind is list:
        return kind([tensor(item) if isinstance(item, Tensor) else map_leaves(item, tensor, other) for item in batch])
    if kind is dict or kind is OrderedDict:
        return kind((key, map_leaves(item, tensor, other)) for key, item in batch.items())
    if kind is defaultdict:
        return defaultdict(batch.default_factory, {key: map_leaves(item, tensor, other) for key, item in batch.items()})
    if isinstance(batch, tuple) and callable(make := getattr(batch, "_make", None)):
        return make(map_leaves(item, tensor, other) for item in batch)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type) and not callable(getattr(batch, "to", None)):
        return _map_fields(batch, tensor, other)
    return other(batch)


def _map_fields(batch: Any, tensor: Callable[[Tensor], Any], other: Callable[[Any], Any]) -> Any:
    # Fields that __init__ does not take are set as they are found, which dataclasses.replace would refuse.
    copied = object.__new__(type(batch))
    vars(copied).update(vars(batch))
    for field in dataclasses.fields(batch):
        if field.name in vars(batch):
            object.__setattr__(copied, field.name, map_leaves(getattr(batch, field.name), tensor, other))
    return copied
