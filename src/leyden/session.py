"""Session: what belongs to one call of fit, validate, test or predict, and how it is opened and closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from leyden.api.callback import Callback
from leyden.api.datamodule import DataModule
from leyden.api.hparams import hyperparameters_to_log
from leyden.api.module import Module
from leyden.assemble import KINDS, Parts
from leyden.checkpoint.lineage import Lineage
from leyden.checkpoint.objects import HYPERPARAMETERS
from leyden.checkpoint.store import Store
from leyden.checks import check_epochs
from leyden.core.described import described
from leyden.core.hooks import (
    CALLBACK_HOOKS,
    MODULE_HOOKS,
    Attached,
    HookedList,
    Hooks,
    Originals,
    originals_of,
    overrides,
    within,
)
from leyden.core.metrics import Log, row
from leyden.core.muted_log import MutedLog
from leyden.core.stage import RunningStage, TrainerFn, TrainerStatus
from leyden.core.state import State
from leyden.core.warnings import warn
from leyden.data.loader import EvaluationData, TrainData
from leyden.errors import ModuleError
from leyden.kept import Kept
from leyden.loggers.logger import Logger, outgoing
from leyden.loop.optimizers import SchedulerConfig
from leyden.loop.progress import IN_BATCH
from leyden.loop.run import Evaluation, Predictions, Resume, Run, Status
from leyden.loop.steps import pulls_batches
from leyden.redaction import shown_name
from leyden.runtime.modes import torch_modes
from leyden.runtime.seed import random_states, reset_seed, restore_random_states
from leyden.runtime.signals import interactive, on_sigterm
from leyden.security.remote import Place
from leyden.settings import Settings
from leyden.snapshot import (
    before_training,
    callback_part,
    check_before_filling,
    has_state_for,
    hide_secrets,
    hyperparameter_part,
    in_training,
    model_part,
    restore_callbacks,
    restore_datamodule,
    restore_weights,
    show_loader_states,
    take_out_of_file,
    training_part,
)
from leyden.sources import Source, train_data
from leyden.strategies.parallel import ParallelStrategy

if TYPE_CHECKING:
    from leyden.trainer import Trainer

ORIGINALS = Originals(originals_of(Callback, CALLBACK_HOOKS), originals_of(Module, MODULE_HOOKS))
_LOAD = "on_load_checkpoint"
_LOADED, _LOADED_MODULE = (originals_of(kind, frozenset((_LOAD,))) for kind in (Callback, Module))
STAGES: Mapping[TrainerFn, RunningStage] = {
    TrainerFn.FITTING: RunningStage.TRAINING,
    TrainerFn.VALIDATING: RunningStage.VALIDATING,
    TrainerFn.TESTING: RunningStage.TESTING,
    TrainerFn.PREDICTING: RunningStage.PREDICTING,
}


@final
@dataclass
class Session:
    """One call of an entry point. Entered, it tells the listeners of an exception and tears down after it, too."""

    trainer: Trainer  # handed to the callbacks, as their signature wants it
    settings: Settings
    fn: TrainerFn
    module: Module
    datamodule: DataModule | None
    callbacks: HookedList
    loggers: list[Logger]
    hooks: Hooks
    log: Log
    status: Status
    state: State
    ckpt_path: Place | None
    by_name: bool  # it was found as the best or the last, and not named as a path
    store: Store
    train: Source | None = None
    validates: bool = False
    optimizers: list[Optimizer] = field(default_factory=list)
    schedulers: list[SchedulerConfig] = field(default_factory=list)
    run: Run | None = None
    evaluation: Evaluation | None = None
    predictions: Predictions = field(default_factory=Predictions)
    asked_training_data: TrainData | None = None
    resume: Resume | None = None  # read, until the run takes it up
    random_before_sanity: Mapping[str, Any] | None = None  # while the sanity check runs
    _kept: Kept | None = None  # what a load that fails has to put back, beside the two that follow
    _state_before: State | None = None
    _lineage_before: Lineage | None = None
    _modes: ExitStack = field(default_factory=ExitStack)
    _is_set_up: bool = False
    _muted: MutedLog = field(default_factory=MutedLog)

    def __enter__(self) -> Session:
        settings, status = self.settings, self.status
        status.fn, status.stage, status.status = self.fn, STAGES[self.fn], TrainerStatus.RUNNING
        status.received_sigterm = status.unloaded = False
        self._modes.enter_context(torch_modes(settings.deterministic, settings.benchmark, settings.detect_anomaly))
        self._modes.enter_context(torch.set_grad_enabled(True))
        if self.fn is TrainerFn.FITTING:
            self._modes.enter_context(on_sigterm(self._note_sigterm))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, _: TracebackType | None
    ) -> bool:
        self.log.hook = self._kept = None
        with self._modes:
            if exception is not None:
                self._end_by(exception)
        if not isinstance(exception, KeyboardInterrupt):
            return False
        if interactive():
            return True  # back to the prompt, with trainer.interrupted set
        raise SystemExit(1) from exception

    def _note_sigterm(self) -> None:
        self.status.received_sigterm = True

    def finish(self) -> None:
        """Tear down after a run that went well."""
        self.module.to("cpu")
        if self.fn is TrainerFn.FITTING:
            self.hooks.on_fit_end()
        self._tear_down()
        for logger in self.loggers:
            logger.finalize("success")
        self.status.stage, self.status.status = None, TrainerStatus.FINISHED

    def _end_by(self, exception: BaseException) -> None:
        self.status.status = TrainerStatus.INTERRUPTED
        self.hooks.on_exception(exception)
        if self.datamodule is not None:
            self.datamodule.on_exception(exception)
        self.trainer.strategy.on_exception(exception)
        for logger in self.loggers:
            logger.finalize("failed")
        if self._is_set_up:
            self._tear_down()
        self.status.stage = None

    def _tear_down(self) -> None:
        self._is_set_up = False
        if self.datamodule is not None:
            self._call("teardown", self.datamodule.teardown, self.fn)
        for callback in self.callbacks:
            self._call("teardown", callback.teardown, self.trainer, self.module, self.fn)
        self._call("teardown", self.module.teardown, self.fn)

    def attach(self) -> None:
        """Bring module, data module, callbacks and trainer together."""
        self.module.trainer = self.trainer
        if self.datamodule is not None:
            self.datamodule.trainer = self.trainer
        self._call("configure_callbacks", self._take_callbacks)
        self.build_hooks()
        self.callbacks.changed = self.build_hooks

    def set_up(self) -> dict[str, Any] | None:
        """Everything up to the module standing on its device with its weights; returns the checkpoint read."""
        self._is_set_up = True
        if isinstance(self.trainer.strategy, ParallelStrategy):  # all processes begin with the same numbers
            reset_seed()
        for owner in (self.datamodule, self.module):
            if owner is not None:
                self._call("prepare_data", owner.prepare_data)
        if self.datamodule is not None:
            self._call("setup", self.datamodule.setup, self.fn)
        for callback in self.callbacks:  # one that is added by another's setup is set up too
            self._call("setup", callback.setup, self.trainer, self.module, self.fn)
        self._call("setup", self.module.setup, self.fn)
        self._call("configure_model", self.module.configure_model)
        if self.settings.precision.weights != torch.float32:
            self.module.to(dtype=self.settings.precision.weights)
        self._state_before, self._lineage_before = replace(self.state), self.store.lineage
        with self.loading():
            checkpoint = self._restore()
        if self.fn is not TrainerFn.FITTING:
            self._kept = None
        self.module.to(device=self.settings.device)
        self.log.device = self.settings.device
        return checkpoint

    def build_hooks(self) -> None:
        """Look again at who listens: at the start, and whenever a callback or a hook is added or taken away."""
        attached = Attached(self._muted if self.settings.barebones else self.log, self.build_hooks)
        modules = (part for part in self.module.modules() if isinstance(part, Module))  # those inside may log too
        for listener in (*modules, *self.callbacks):
            listener._attached = attached
        names = {"train": "training_step"} | {kind.hooks: kind.step for kind in KINDS.values()}
        steps = {kind: getattr(self.module, name) for kind, name in names.items()}
        pulled = [kind for kind, step in steps.items() if step is not None and pulls_batches(step)]
        self.hooks.build(self.callbacks, self.module, self.trainer, ORIGINALS, self.log, pulled)

    def _take_callbacks(self) -> None:
        """Add the module's own callbacks; each replaces the trainer's of its type, and those that save stay last."""
        brought = self.module.configure_callbacks()
        brought = list(brought) if isinstance(brought, (list, tuple)) else [] if brought is None else [brought]
        for callback in brought:
            if not isinstance(callback, Callback):
                raise ModuleError(
                    f"configure_callbacks() returned {described(callback)}. Return a list of Callback objects."
                )
        types = {type(callback) for callback in brought}
        kept = [callback for callback in self.callbacks if type(callback) not in types]
        self.callbacks[:] = sorted([*kept, *brought], key=lambda callback: callback.saves is True)

    def _restore(self) -> dict[str, Any] | None:
        if self.ckpt_path is None:
            return None
        where, fits = str(self.ckpt_path), self.fn is TrainerFn.FITTING
        checkpoint = self.store.read(self.ckpt_path, fits, self.by_name, HYPERPARAMETERS)
        if fits:
            check_epochs(check_before_filling(checkpoint, self.module, where), self.settings, where)
            take_out_of_file(checkpoint)
        restored = [self.datamodule] if has_state_for(self.datamodule, checkpoint) else []
        listening = [callback for callback in self.callbacks if fits or overrides(callback, _LOADED, _LOAD)]
        if fits or restored or listening or overrides(self.module, _LOADED_MODULE, _LOAD):
            self._kept = Kept(self.module, (*restored, *listening))  # else nothing can fail once the weights fit
        restore_weights(checkpoint, self.module, where, keep=self._kept is None)
        restore_datamodule(checkpoint, self.datamodule)
        for callback in self.callbacks:
            callback.on_load_checkpoint(self.trainer, self.module, checkpoint)
        if fits:  # an evaluation does not change what callbacks know of the training
            restore_callbacks(checkpoint, self.callbacks, where)
        if self._kept is not None:
            self._kept.settle()
        return checkpoint

    @contextmanager
    def loading(self) -> Iterator[None]:
        """A step of loading a checkpoint: if it fails, everything is as it was before the first."""
        if self.ckpt_path is None:
            yield
            return
        random = random_states()
        try:
            yield
        except BaseException:
            assert self._state_before is not None
            assert self._lineage_before is not None
            self.status.unloaded = True
            if self._kept is not None:
                self._kept.put_back()
            self._kept = self.resume = None
            if self.run is not None:
                self.run.resume = None
            self.store.lineage = self._lineage_before
            self.state.become(self._state_before)
            restore_random_states(random)
            raise

    @contextmanager
    def loading_ends(self) -> Iterator[None]:
        """The last of these steps."""
        with self.loading():
            yield
        self._kept = None

    def write_row(self, metrics: Mapping[str, Tensor], step: int, epoch: int | None) -> None:
        """Write metrics to all loggers, as one row."""
        if not metrics or not self.loggers:
            return
        found, place = row(metrics, step, epoch)
        values = {shown_name(name): value for name, value in found.items()}
        for logger in self.loggers:
            logger.log_metrics(metrics=values, step=place)
            logger.save()

    def log_hyperparameters(self) -> None:
        hparams = hyperparameters_to_log(self.module, self.datamodule) if self.settings.enable_autolog_hparams else None
        for logger in self.loggers:
            if hparams is not None:
                logger.log_hyperparams(outgoing(hparams))  # a logger of the program's own may write them as they are
            logger.log_graph(self.module)
            logger.save()

    def accumulate(self, settings: Settings) -> None:
        """Take settings with another number of batches to an optimizer step; in a run it counts from here on."""
        self.settings = settings
        if self.run is not None:
            self.run.plan = replace(self.run.plan, accumulate=settings.accumulate_grad_batches)

    def training_data(self) -> TrainData:
        """The training loader, asked for once: before training, or when ``configure_optimizers`` needs its length."""
        if self.asked_training_data is None:
            assert self.train is not None
            self.asked_training_data = train_data(self.train, self.settings, pulls_batches(self.module.training_step))
        return self.asked_training_data

    def renew_training_data(self) -> None:
        """Ask for the training loader anew, in the epochs in which that is due."""
        every, state, run = self.settings.reload_dataloaders_every_n_epochs, self.state, self.run
        if every == 0 or run is None or state.epoch - state.asked < every:
            return
        state.asked = state.epoch
        self.asked_training_data = None
        run.data = self.training_data()
        run.plan = self.settings.plan(run.data.size, self.validates)
        run.data.combined.side_by_side()  # as Lightning does: it draws random numbers, like every iterator

    @property
    def evaluation_data(self) -> EvaluationData | None:
        """The loaders of the evaluation, once they were asked for."""
        return self.evaluation.data.loaded if self.evaluation is not None else None

    def dump(self, weights_only: bool) -> dict[str, Any]:
        """The checkpoint dictionary of this moment; callbacks and module may change it before it is written."""
        checkpoint = model_part(self.state, self.module, self.log.hook)
        if not weights_only:
            if self.state.at == "batch" and self.log.hook in IN_BATCH:
                warn(
                    f"a checkpoint is made in {self.log.hook}, in the middle of a batch, which a run that is resumed "
                    "from it begins again. Save in on_train_batch_end to go on exactly."
                )
            checkpoint.update(callback_part(self.callbacks))
            checkpoint.update(self._training_part())
            show_loader_states(checkpoint)
        checkpoint.update(hyperparameter_part(self.module, self.datamodule))
        if not weights_only:
            for callback in self.callbacks:
                callback.on_save_checkpoint(self.trainer, self.module, checkpoint)
        self.module.on_save_checkpoint(checkpoint)
        hide_secrets(checkpoint)
        return checkpoint

    def _training_part(self) -> dict[str, Any]:
        run = self.run
        resume = self.resume if run is None else run.resume
        if self.fn is not TrainerFn.FITTING:
            return {"optimizer_states": [], "lr_schedulers": []}
        if resume is not None:  # nothing has been trained since
            return dict(resume.saved)
        if run is None:
            own = before_training(self.state, self.log, self.module, self.random_before_sanity)
            return training_part(self.optimizers, self.schedulers, None, own)
        return training_part(run.optimizers, run.schedulers.configs, run.scaler, in_training(run, self.module))

    def parts(self) -> Parts:
        owners = (self.settings, self.module, self.datamodule, self.hooks, self.log, self.status, self.state)
        return Parts(*owners, self.write_row, self.trainer.world_size)

    def _call(self, name: str, method: Callable[..., Any], *args: Any) -> Any:
        return within(self.log, name, method)(*args)
