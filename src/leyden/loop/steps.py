"""What the user wrote, bound once before the loop: steps by what they take, batches by their way to the device."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import torch

from leyden.api.data_hooks import DataHooks
from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.core.hooks import originals_of, overrides
from leyden.core.state import State
from leyden.core.warnings import warn
from leyden.data.pulled import NoBatchError, Pulled
from leyden.data.transfer import cast_floating, move_to_device
from leyden.errors import ModuleError
from leyden.loop.run import ToDevice
from leyden.runtime.precision import Precision

_ORIGINALS = originals_of(
    DataHooks, frozenset(("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer"))
)
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def positional_arguments(method: Callable[..., Any]) -> float:
    """How many positional arguments a method takes; inf for ``*args``."""
    parameters = signature(method).parameters.values()
    if any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters):
        return float("inf")
    return sum(parameter.kind in _POSITIONAL for parameter in parameters)


def pulls_batches(method: Callable[..., Any]) -> bool:
    """Does a step take its batches itself? Then it has a parameter named ``dataloader_iter``."""
    return "dataloader_iter" in signature(method).parameters


def check_step(method: Callable[..., Any], name: str, loaders: int = 1) -> None:
    """See whether a step takes what it is given: batch, index and, with several loaders, the number of the loader.

    Args:
        method: the module's step.
        name: of the step, for messages.
        loaders: how many there are.

    Raises:
        ModuleError: it takes no batch, or it wants more, or fewer, than there is to give.
    """
    if pulls_batches(method):
        others = [one.name for one in _wanted(method) if one.name != "dataloader_iter"]
        if others:
            raise ModuleError(
                f"{name}() takes its batches from dataloader_iter, and is given nothing else, but it wants "
                f"{', '.join(others)}. next(dataloader_iter) gives batch, batch_idx and dataloader_idx."
            )
        return
    taken = positional_arguments(method)
    if taken == 0:
        raise ModuleError(f"{name}() takes no batch. Define {name}(self, batch, batch_idx).")
    if loaders > 1 and taken < 3:
        raise ModuleError(
            f"there are {loaders} loaders, but {name}() does not take the loader's number. "
            f"Define {name}(self, batch, batch_idx, dataloader_idx)."
        )
    wanted = _wanted(method)
    unknown = [one.name for one in wanted if one.kind is Parameter.KEYWORD_ONLY]
    given = 3 if loaders > 1 else 2
    unknown += [one.name for one in wanted if one.kind in _POSITIONAL][given:]
    if unknown:
        few = "" if loaders > 1 or unknown != ["dataloader_idx"] else " while there is one loader"
        raise ModuleError(
            f"{name}() wants {', '.join(unknown)}, which it is not given{few}. Drop it, or give it a default."
        )


def _wanted(method: Callable[..., Any]) -> list[Parameter]:
    return [one for one in signature(method).parameters.values() if one.default is Parameter.empty]


def bound_step(method: Callable[..., Any], state: State | None = None) -> Callable[..., Any]:
    """The step as the loop calls it, with all that ``check_step`` names, of which it may take the batch alone.

    Args:
        method: the module's step.
        state: where training is, for a training step: one that takes its batches itself decides which is the last.
    """
    if not pulls_batches(method):
        return method if positional_arguments(method) > 1 else lambda batch, *_: method(batch)

    def pulling_step(batches: Pulled, *_: Any) -> Any:
        try:
            output = method(dataloader_iter=batches)
        except StopIteration as end:
            raise NoBatchError from end
        if state is not None:
            state.last = batches.done
        return output

    return pulling_step


def way_of_batches(
    step: Callable[..., Any],
    module: Module,
    datamodule: DataModule | None,
    device: torch.device,
    precision: Precision,
) -> ToDevice:
    """``way_to_device``, unless the step takes its batches itself: those come to it as the loader made them."""
    if not pulls_batches(step):
        return way_to_device(module, datamodule, device, precision)
    for name in _ORIGINALS:
        if _override(name, module, datamodule) is not None:
            warn(f"{name}() is not called: {step.__name__}() takes its batches from dataloader_iter as they are.")
    return lambda batches, _: batches


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
        if owner is not None and overrides(owner, _ORIGINALS, name):
            method: Callable[..., Any] = getattr(owner, name)
            return method
    return None
