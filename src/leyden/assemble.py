"""Assembling what the loops run: a Run or an Evaluation out of settings, module and data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, final

from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from leyden._torch import needs_closure
from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.core.hooks import EvaluationHooks, Hooks, nobody, originals_of, overrides, within
from leyden.core.metrics import Log
from leyden.core.plan import Plan
from leyden.core.stage import RunningStage, TrainerFn
from leyden.core.state import State
from leyden.data.loader import TrainData
from leyden.errors import ModuleError
from leyden.loop.fit import automatic_step, closure_step, manual_step
from leyden.loop.nonfinite import Watch
from leyden.loop.optimizers import SchedulerConfig, check_monitors, read_configuration
from leyden.loop.run import Evaluation, Run, Status, WriteRow
from leyden.loop.scaling import ScaledOptimizer
from leyden.loop.schedulers import Schedulers
from leyden.loop.steps import bound_step, check_step, pulls_batches, way_of_batches
from leyden.runtime.clip import clip_gradients
from leyden.runtime.precision import in_precision
from leyden.settings import Settings
from leyden.sources import EvaluationSource, Name, Source


class Kind(NamedTuple):
    """What the entry points that evaluate differ in."""

    stage: RunningStage
    step: str
    loader: Name
    limit: str
    hooks: str


KINDS: Mapping[TrainerFn, Kind] = {
    TrainerFn.VALIDATING: Kind(
        RunningStage.VALIDATING, "validation_step", "val_dataloader", "limit_val_batches", "validation"
    ),
    TrainerFn.TESTING: Kind(RunningStage.TESTING, "test_step", "test_dataloader", "limit_test_batches", "test"),
    TrainerFn.PREDICTING: Kind(
        RunningStage.PREDICTING, "predict_step", "predict_dataloader", "limit_predict_batches", "predict"
    ),
}


@final
@dataclass
class Parts:
    """What every assembled object shares."""

    settings: Settings
    module: Module
    datamodule: DataModule | None
    hooks: Hooks
    log: Log
    status: Status
    state: State
    write: WriteRow
    processes: int  # that share the gradients


_ORIGINALS = originals_of(
    Module,
    frozenset(
        (
            *("training_step", "validation_step", "test_step", "predict_step", "forward", "configure_optimizers"),
            *("backward", "optimizer_step", "optimizer_zero_grad", "configure_gradient_clipping"),
        )
    ),
)


def overridden(module: Module, name: str) -> bool:
    """Does the module have a method of its own under this name?"""
    return overrides(module, _ORIGINALS, name)


def optimizers_of(module: Module, log: Log) -> tuple[list[Optimizer], list[SchedulerConfig]]:
    """The optimizers and schedulers that the module configures.

    Raises:
        ModuleError: there is no meaning in what it returned, or automatic optimization meets several optimizers.
    """
    returned = within(log, "configure_optimizers", module.configure_optimizers)()
    optimizers, schedulers = read_configuration(returned)
    if module.automatic_optimization:  # else the module steps its schedulers itself
        check_monitors(schedulers)
    if len(optimizers) > 1 and module.automatic_optimization:
        raise ModuleError(
            f"configure_optimizers() returned {len(optimizers)} optimizers; automatic optimization steps one. Give one "
            "optimizer several parameter groups, or set self.automatic_optimization = False and step them yourself."
        )
    return optimizers, schedulers


def assemble_evaluation(
    parts: Parts, fn: TrainerFn, given: Any, no_grad: Callable[[], AbstractContextManager[Any]], in_fit: bool = False
) -> Evaluation:
    """What ``evaluate`` or ``predict`` runs.

    Args:
        parts: the shared parts.
        fn: which of the evaluations.
        given: loaders that the call was given, or None.
        no_grad: the context that turns gradients off.
        in_fit: is it the validation inside training?
    """
    kind, module = KINDS[fn], parts.module
    settings = parts.settings
    hooks: EvaluationHooks = getattr(parts.hooks, kind.hooks)
    # a method that is set to None is one that is not there
    method = getattr(module, kind.step) or partial(getattr(Module, kind.step), module)
    source = Source.of(kind.loader, given, parts.datamodule, module)
    data = EvaluationSource(
        source,
        getattr(settings, kind.limit),
        kind.limit,
        partial(check_step, method, kind.step),
        overfit=settings.overfit_batches if in_fit else 0,
        every=settings.reload_dataloaders_every_n_epochs if in_fit else 0,
        state=parts.state,
        pulls=pulls_batches(method),
    )
    return Evaluation(
        stage=kind.stage,
        step_name=kind.step,
        step=in_precision(bound_step(method), settings.precision, settings.device),
        module=module,
        hooks=hooks,
        log=parts.log,
        status=parts.status,
        state=parts.state,
        data=data,
        to_device=way_of_batches(method, module, parts.datamodule, settings.device, settings.precision),
        write=parts.write,
        no_grad=no_grad,
    )


def assemble_run(
    parts: Parts,
    data: TrainData,
    plan: Plan,
    optimizers: list[Optimizer],
    schedulers: list[SchedulerConfig],
    validation: Evaluation,
) -> Run:
    """What ``fit`` runs. Every method that the user may replace is looked up here, once."""
    settings, module, hooks, log, state = parts.settings, parts.module, parts.hooks, parts.log, parts.state

    def own(name: str) -> Callable[..., Any] | None:
        return within(log, name, getattr(module, name)) if overridden(module, name) else None

    scaler = GradScaler(settings.device.type) if settings.precision.scales else None
    # what programs and closures step; with a scaler it is the scaler that decides whether the weights change
    handed = [ScaledOptimizer(o, scaler) if scaler is not None else o for o in optimizers]
    optimizer = optimizers[0]
    backward = own("backward") or Tensor.backward
    clip, zero, stepped = own("configure_gradient_clipping"), own("optimizer_zero_grad"), own("optimizer_step")
    limit, algorithm = settings.gradient_clip_val, settings.gradient_clip_algorithm or "norm"

    def zero_grad(index: int) -> None:
        if zero is None:
            optimizer.zero_grad()
        else:
            zero(state.epoch, index, optimizer)

    def optimizer_step(index: int, closure: Callable[[], Any]) -> None:
        if stepped is None:
            handed[0].step(closure)
        else:
            stepped(state.epoch, index, handed[0], closure)

    def clip_gradients_as_set() -> None:
        if clip is None:
            clip_gradients(optimizer, limit, algorithm)
        else:
            clip(
                optimizer,
                gradient_clip_val=limit or None,
                gradient_clip_algorithm=settings.gradient_clip_algorithm,
            )

    if settings.on_nonfinite is not None:
        watch = Watch(settings.on_nonfinite, module, optimizers, schedulers, scaler is None, state, parts.write)
    else:
        watch = None
    by_closure = stepped is not None or scaler is not None or watch is not None or needs_closure(optimizer)
    scaled = backward if scaler is None else scaled_backward(backward, scaler)
    return Run(
        state=state,
        plan=plan,
        hooks=hooks,
        log=log,
        status=parts.status,
        data=data,
        to_device=way_of_batches(module.training_step, module, parts.datamodule, settings.device, settings.precision),
        validation=validation,
        optimizer=optimizer,
        optimizers=optimizers,
        handed=handed,
        scaler=scaler,
        schedulers=Schedulers(
            schedulers,
            within(log, "lr_scheduler_step", module.lr_scheduler_step),
            lambda: log.callback_metrics,
            module.automatic_optimization,
        ),
        write=parts.write,
        processes=parts.processes,
        step=manual_step if not module.automatic_optimization else closure_step if by_closure else automatic_step,
        training_step=in_precision(bound_step(module.training_step, state), settings.precision, settings.device),
        backward=scaled if watch is None else watch.noting(scaled),
        zero_grad=zero_grad,
        clip_gradients=clip_gradients_as_set if clip is not None or limit > 0 else nobody,
        optimizer_step=optimizer_step,
        watch=watch,
    )


def scaled_backward(backward: Callable[..., None], scaler: GradScaler) -> Callable[..., None]:
    """The backward pass from a loss that is scaled first."""

    def from_scaled(loss: Tensor, *args: Any, **kwargs: Any) -> None:
        backward(scaler.scale(loss), *args, **kwargs)

    return from_scaled
