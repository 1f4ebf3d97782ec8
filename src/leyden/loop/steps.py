"""What the user wrote, bound once before the loop: steps by what they take, batches by their way to the device."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import torch

from leyden.api.data_hooks import DataHooks
from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.data.transfer import cast_floating, move_to_device
from leyden.errors import ModuleError
from leyden.loop.run import ToDevice
from leyden.runtime.precision import Precision

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def positional_arguments(method: Callable[..., Any]) -> float:
    """How many positional arguments a method takes; inf for ``*args``."""
    parameters = signature(method).parameters.values()
    if any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters):
        return float("inf")
    return sum(parameter.kind in _POSITIONAL for parameter in parameters)


def bound_step(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The step as the loop calls it, with batch, index and perhaps the loader's number, whatever of them it takes.

    Raises:
        ModuleError: it takes no batch.
    """
    taken = positional_arguments(method)
    if taken == 0:
        raise ModuleError(f"{name}() takes no batch. Define {name}(self, batch, batch_idx).")
    if taken == 1:
        return lambda batch, *_: method(batch)
    return method


def way_to_device(
    module: Module, datamodule: DataModule | None, device: torch.device, precision: Precision
) -> ToDevice:
    """What a batch goes through before it is used: the casts of the precision, then the three transfer hooks.

    A hook of the data module wins over the module's.
    """
    before = _override("on_before_batch_transfer", module, datamodule)
    transfer = _override("transfer_batch_to_device", module, datamodule)
    after = _override("on_after_batch_transfer", module, datamodule)
    cast = precision.weights if precision.weights != torch.float32 else None
    if before is None and transfer is None and after is None and cast is None:
        return lambda batch, _: move_to_device(batch, device)

    def to_device(batch: Any, loader: int) -> Any:
        if cast is not None:
            batch = cast_floating(batch, cast)
        if before is not None:
            batch = before(batch, loader)
        batch = move_to_device(batch, device) if transfer is None else transfer(batch, device, loader)
        return batch if after is None else after(batch, loader)

    return to_device


def _override(name: str, module: Module, datamodule: DataModule | None) -> Callable[..., Any] | None:
    for owner in (datamodule, module):
        if owner is not None:
            method: Callable[..., Any] = getattr(owner, name)
            if getattr(method, "__func__", method) is not getattr(DataHooks, name):
                return method
    return None
