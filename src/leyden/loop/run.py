"""Run: the one object that the training loop sees. Everything in it is resolved: no strings to interpret, no maybes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, final

from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from leyden.core.hooks import EvaluationHooks, Hooks, nobody
from leyden.core.metrics import Log
from leyden.core.plan import Plan
from leyden.core.stage import RunningStage, TrainerFn, TrainerStatus
from leyden.core.state import State
from leyden.data.loader import EvaluationData, TrainData
from leyden.data.position import Standing
from leyden.loop.schedulers import Schedulers

ToDevice = Callable[[Any, int], Any]
"""Brings a batch of loader number n to the device."""

WriteRow = Callable[[Mapping[str, Tensor], int, "int | None"], None]
"""Writes metrics to the loggers, as a row with a step and, unless None, an epoch; no metrics make no row."""


@final
@dataclass
class Status:
    """What the trainer is doing, as programs read it in ``trainer.state``."""

    fn: TrainerFn | None = None
    stage: RunningStage | None = None
    status: TrainerStatus = TrainerStatus.INITIALIZING
    received_sigterm: bool = False
    unloaded: bool = False  # the checkpoint that it was to go on from could not be loaded

    @property
    def finished(self) -> bool:
        return self.status == TrainerStatus.FINISHED

    @property
    def stopped(self) -> bool:
        return self.status.stopped


class Resume(NamedTuple):
    """What a checkpoint says about the point where a run goes on, beside its State."""

    random: Mapping[str, Any] | None  # None: nobody has kept them
    data: Mapping[str, Any] | None  # None: made before training, or between two epochs by who kept no random states
    log: Mapping[str, Any]
    validation_rows: list[int]
    metrics: Mapping[str, Any]
    generators: Mapping[str, Any]  # of the module
    evaluated: list[str]  # names of metric objects that the end of the validation, in which it was made, resets
    validation: Standing | None  # of the validation loaders; None: nobody had asked for them, or others are due
    rest: Mapping[str, Any] | None  # who was still to be called in the hook in which it was made
    saved: Mapping[str, Any]  # the training state as it was read, for a checkpoint that is made before it is taken up


class Before(NamedTuple):
    """What a validation changes and a run that is resumed inside it, which repeats it, needs as it was."""

    random: Mapping[str, Any]
    rows: list[int]
    log: Mapping[str, Any]
    metrics: Mapping[str, Any]
    generators: Mapping[str, Any]
    loaders: Mapping[str, Any] | None


class Watch(Protocol):
    """Decides before each step whether the optimizer may take it."""

    left_out: bool

    def passes(self, optimizer: Optimizer) -> bool: ...


class Step(Protocol):
    """One batch of training, in one of the ways of ``loop.fit``; returns what ``on_train_batch_end`` gets."""

    def __call__(self, run: Run, batch: Any, index: int, closes_window: bool) -> Any: ...


class EvaluationLoaders(Protocol):
    """Asks the program for its loaders at the first call; ``loaded`` is what it got, or None before.

    Later calls ask again where the loaders are to be renewed, unless ``renew`` forbids it.
    """

    loaded: EvaluationData | None

    @property
    def due(self) -> bool:
        """Will the next call that may renew the loaders ask for them anew?"""

    def __call__(self, renew: bool = True) -> EvaluationData: ...

    def ready(self) -> None:
        """Ask now, if nobody has yet."""


@final
@dataclass
class Evaluation:
    """All that one kind of evaluation needs."""

    stage: RunningStage
    step_name: str  # validation_step, test_step or predict_step: where self.log stands
    step: Callable[..., Any]  # takes (batch, index), and the loader's number where there are several
    module: nn.Module
    hooks: EvaluationHooks
    log: Log
    status: Status
    state: State
    data: EvaluationLoaders
    to_device: ToDevice
    write: WriteRow
    no_grad: Callable[[], AbstractContextManager[Any]]
    rows: list[int] = field(default_factory=list)  # rows written of step metrics, for each loader


def standing(validation: Evaluation) -> dict[str, Any] | None:
    """What the loaders of a validation keep for the next pass; None where nobody has asked for those of that pass."""
    loaded = validation.data.loaded
    return None if loaded is None or validation.data.due else loaded.state_dict()


@final
@dataclass
class Predictions:
    """What a prediction has made so far, and of which samples."""

    keeps: bool = True  # the outputs, for who asked for the prediction or for a callback at the end of the epoch
    notes_samples: bool = False
    outputs: list[list[Any]] = field(default_factory=list)  # for each loader
    samples: list[list[list[Any]]] = field(default_factory=list)  # for each loader and batch, where they are noted
    samples_of_batch: list[Any] = field(default_factory=list)  # of the current batch

    def begin(self, loaders: int) -> None:
        self.outputs = [[] for _ in range(loaders)]
        self.samples = [[] for _ in range(loaders)]

    def keep(self, loader: int, output: Any) -> None:
        if self.keeps:
            self.outputs[loader].append(output)
            if self.samples_of_batch:
                self.samples[loader].append(self.samples_of_batch)


@final
@dataclass
class Run:
    """All that training needs, from the first batch to the last."""

    state: State
    plan: Plan
    hooks: Hooks
    log: Log
    status: Status
    data: TrainData
    to_device: ToDevice
    validation: Evaluation
    optimizer: Optimizer  # the one that automatic optimization steps
    optimizers: list[Optimizer]
    handed: list[Any]  # the optimizers as a program is given them: stepped through the scaler, if there is one
    scaler: GradScaler | None  # of the loss, in half precision
    schedulers: Schedulers
    write: WriteRow
    processes: int  # that share the gradients

    step: Step  # automatic_step or closure_step
    training_step: Callable[[Any, int], Any]
    backward: Callable[..., None]  # takes the loss
    zero_grad: Callable[[int], None]
    clip_gradients: Callable[[], None]
    optimizer_step: Callable[[int, Callable[[], Any]], None]  # called by closure_step alone

    watch: Watch | None = None  # looks at losses and gradients before each step; None: nobody does
    renew_data: Callable[[], None] = nobody  # before an epoch: replaces data and plan where loaders are to be renewed
    resume: Resume | None = None
    loading: Callable[[], AbstractContextManager[None]] = nullcontext  # around the last step of a resume
    before_validation: Before | None = None  # of the last one
    validated_at: float = 0.0  # the clock's time when the last validation ended, or would have
