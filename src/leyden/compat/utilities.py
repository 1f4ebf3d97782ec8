"""Small public helpers of Lightning's that Leyden itself has no use for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.data import IterableDataset
from torch.utils.flop_counter import FlopCounterMode

from leyden.api.callback import Callback
from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.core.warnings import LeydenWarning
from leyden.data.transfer import move_to_device
from leyden.errors import SettingsError

FLOAT16_EPSILON: Final = torch.finfo(torch.float16).eps
FLOAT32_EPSILON: Final = torch.finfo(torch.float32).eps
FLOAT64_EPSILON: Final = torch.finfo(torch.float64).eps


class GradClipAlgorithmType(str, Enum):
    """The values of ``gradient_clip_algorithm``."""

    VALUE = "value"
    NORM = "norm"

    @staticmethod
    def supported_type(val: str) -> bool:
        return val in [known.value for known in GradClipAlgorithmType]

    @staticmethod
    def supported_types() -> list[str]:
        return [known.value for known in GradClipAlgorithmType]


def move_data_to_device(batch: Any, device: torch.device | str | int) -> Any:
    """The batch with every tensor on ``device``; containers are rebuilt, what cannot move is passed through."""
    return move_to_device(batch, torch.device(device))


def is_overridden(method_name: str, instance: object | None = None, parent: type[object] | None = None) -> bool:
    """Does the object have a method of its own where the base class has one?

    Args:
        method_name: the method.
        instance: the object; None overrides nothing.
        parent: the base class; found by itself for modules, data modules and callbacks.

    Raises:
        ValueError: ``parent`` is needed and missing, or has no such method.
    """
    if instance is None:
        return False
    if parent is None:
        parent = next((base for base in (Module, DataModule, Callback) if isinstance(instance, base)), None)
        if parent is None:
            raise ValueError(
                f"is_overridden() cannot tell which base class a {type(instance).__name__} should be compared with. "
                "Pass parent=."
            )
    own = getattr(instance, method_name, None)
    if own is None:
        return False
    original = getattr(parent, method_name, None)
    if original is None:
        raise ValueError(f"{parent.__name__} has no method {method_name!r} that could be overridden. Pass its parent=.")
    while isinstance(own, partial):
        own = own.func
    return getattr(own, "__func__", own) is not original


def has_iterable_dataset(dataloader: object) -> bool:
    """Does the loader take its data from an ``IterableDataset``?"""
    return isinstance(getattr(dataloader, "dataset", None), IterableDataset)


def suggested_max_num_workers(local_world_size: int) -> int:
    """How many workers each loader may have, so that with the training processes there is one for each CPU core.

    Raises:
        ValueError: there is no process.
    """
    if local_world_size < 1:
        raise SettingsError(f"local_world_size={local_world_size}, but there is at least one process. Use 1 or more.")
    return max(1, len(os.sched_getaffinity(0)) // local_world_size - 1)


def get_filesystem(path: str | Path, **kwargs: Any) -> Any:
    """The fsspec file system of a path or address, for what the program reads and writes by itself.

    Args:
        path: of a file or a directory, which need not be there.
        **kwargs: what that file system is to be told.
    """
    from fsspec.core import url_to_fs  # type: ignore[import-untyped, unused-ignore]

    return url_to_fs(str(path), **kwargs)[0]


def disable_possible_user_warnings(module: str = "") -> None:
    """Silence the warnings about what works and is probably not what was meant.

    Args:
        module: a regular expression of the modules whose lines are meant (default: all).
    """
    warnings.filterwarnings("ignore", module=module, category=LeydenWarning)


def measure_flops(
    model: nn.Module, forward_fn: Callable[[], Tensor], loss_fn: Callable[[Tensor], Tensor] | None = None
) -> int:
    """Floating-point operations of a forward pass, and of the backward pass where there is a loss.

    Args:
        model: accepted for compatibility; everything that runs is counted.
        forward_fn: runs the model.
        loss_fn: makes a loss out of what ``forward_fn`` returned.
    """
    with FlopCounterMode(display=False) as counter:
        output = forward_fn()
        if loss_fn is not None:
            loss_fn(output).backward()
    return int(counter.get_total_flops())
