"""What programs read of a Trainer about its run: where it is, what it has logged and what it was told."""

from __future__ import annotations

from datetime import timedelta
from math import inf

from torch import Tensor

from leyden.core.metrics import Log
from leyden.core.stage import RunningStage, TrainerFn, TrainerStatus
from leyden.core.state import State
from leyden.data.loader import TrainData
from leyden.fit_loop import FitLoop
from leyden.loop.run import Predictions, Status
from leyden.predict_loop import PredictLoop
from leyden.runtime.rank_zero import rank_zero_info
from leyden.security.remote import Place
from leyden.session import Session
from leyden.settings import Settings, limit_or_minus_one


class RunViews:
    """A Trainer's run, under Lightning's names."""

    settings: Settings
    state: Status
    _position: State
    _log: Log
    _session: Session | None  # the current or last call
    _sessions: dict[TrainerFn, Session]  # the last call of each entry point, the latest last
    _ckpt_path: Place | None

    # Where the run is.

    @property
    def current_epoch(self) -> int:
        """Epochs completed; inside an epoch, its number from 0."""
        return self._position.epoch

    @property
    def global_step(self) -> int:
        """Optimizer steps taken."""
        return self._position.step

    @property
    def nonfinite_steps(self) -> int:
        """Optimizer steps that ``on_nonfinite`` has left out."""
        return self._position.skipped

    @property
    def logged_steps(self) -> int:
        """Batches after which the optimizer stepped, before the current one: the x axis of the loggers."""
        return self._position.log_step

    @property
    def is_last_batch(self) -> bool:
        """Is the current training batch the last of its epoch?"""
        return self._position.last

    @property
    def should_stop(self) -> bool:
        """Has someone asked to stop? Set it to True to end the run after the current batch and a last validation."""
        return self._position.stop

    @should_stop.setter
    def should_stop(self, stop: bool) -> None:
        asked, self._position.stop = self._position.stop, stop
        run = self._session.run if self._session is not None else None
        if stop and not asked and run is not None and not run.plan.stops(self._position):
            rank_zero_info(
                "The run was asked to stop, and goes on until it has reached min_epochs=%s and min_steps=%s.",
                self.min_epochs,
                self.min_steps,
            )

    @property
    def validation_due(self) -> bool:
        """In ``on_train_batch_end``: does a validation follow? Callbacks that save wait for it."""
        run = self._session.run if self._session is not None else None
        return run is not None and self._position.at == "batch_end" and run.plan.validates(self._position)

    @property
    def training(self) -> bool:
        return self.state.stage == RunningStage.TRAINING

    @property
    def validating(self) -> bool:
        return self.state.stage == RunningStage.VALIDATING

    @property
    def testing(self) -> bool:
        return self.state.stage == RunningStage.TESTING

    @property
    def predicting(self) -> bool:
        return self.state.stage == RunningStage.PREDICTING

    @property
    def sanity_checking(self) -> bool:
        return self.state.stage == RunningStage.SANITY_CHECKING

    @property
    def evaluating(self) -> bool:
        return self.state.stage is not None and self.state.stage.evaluating

    @property
    def interrupted(self) -> bool:
        """Did an exception or an interrupt end the last call?"""
        return self.state.status == TrainerStatus.INTERRUPTED

    @property
    def received_sigterm(self) -> bool:
        """Has SIGTERM asked the process to end? The run ends after the current batch."""
        return self.state.received_sigterm

    @property
    def fit_loop(self) -> FitLoop:
        """How far training is, under the names of Lightning's loops."""
        return FitLoop(self._position, self._log, self.settings, self._change_settings)

    @property
    def predict_loop(self) -> PredictLoop:
        """What the running or last prediction has made."""
        session = self._sessions.get(TrainerFn.PREDICTING)
        return PredictLoop(session.predictions if session is not None else Predictions())

    def _change_settings(self, settings: Settings) -> None:
        self.settings = settings

    # What was logged.

    @property
    def callback_metrics(self) -> dict[str, Tensor]:
        """Every metric logged, as callbacks may act on it."""
        return self._log.callback_metrics

    @property
    def logged_metrics(self) -> dict[str, Tensor]:
        """Every metric meant for the loggers."""
        return self._log.logged_metrics

    @property
    def progress_bar_metrics(self) -> dict[str, float]:
        """Every metric meant for the progress bar. Reading it fetches the values from the device."""
        return self._log.progress_bar_metrics

    # What it was told.

    @property
    def max_epochs(self) -> int | None:
        """-1 stands for no limit; None until fit has decided."""
        if self.settings.max_epochs is None and self._fitted is None:
            return None
        return limit_or_minus_one(self.settings.epochs)

    @property
    def min_epochs(self) -> int | None:
        return self.settings.min_epochs

    @property
    def max_steps(self) -> int:
        """-1 stands for no limit."""
        return limit_or_minus_one(self.settings.max_steps)

    @property
    def min_steps(self) -> int | None:
        return self.settings.min_steps or None

    @property
    def fast_dev_run(self) -> int:
        return self.settings.fast_dev_run

    @property
    def accumulate_grad_batches(self) -> int:
        """Batches to an optimizer step. It may be set, in a run too, where it counts from the next batch on."""
        return self.settings.accumulate_grad_batches

    @accumulate_grad_batches.setter
    def accumulate_grad_batches(self, batches: int) -> None:
        self._change_settings(self.settings.accumulating(batches))
        if self._fitted is not None:
            self._fitted.accumulate(self.settings)

    @property
    def gradient_clip_val(self) -> float | None:
        return self.settings.gradient_clip_val or None

    @property
    def gradient_clip_algorithm(self) -> str | None:
        return self.settings.gradient_clip_algorithm

    @property
    def log_every_n_steps(self) -> int:
        return self.settings.log_every_n_steps

    @property
    def val_check_interval(self) -> int | float | timedelta:
        """Training batches between two validations (int), a fraction of the epoch (float), or a time."""
        seconds = self.settings.val_check_seconds
        return self.settings.val_check_interval if seconds == inf else timedelta(seconds=seconds)

    @property
    def check_val_every_n_epoch(self) -> int | None:
        return self.settings.check_val_every_n_epoch

    @property
    def val_check_batch(self) -> float | None:
        """Training batches between two validations; None before fit has seen the loader, and where time decides."""
        data = self._training_data
        if data is None or self.settings.val_check_seconds < inf:
            return None
        return self.settings.val_check_batch(data.size)

    @property
    def overfit_batches(self) -> int | float:
        return self.settings.overfit_batches

    @property
    def reload_dataloaders_every_n_epochs(self) -> int:
        return self.settings.reload_dataloaders_every_n_epochs

    @property
    def num_sanity_val_steps(self) -> int | float:
        return self.settings.num_sanity_val_steps

    @property
    def limit_train_batches(self) -> int | float:
        return self.settings.limit_train_batches

    @property
    def limit_val_batches(self) -> int | float:
        return self.settings.limit_val_batches

    @property
    def limit_test_batches(self) -> int | float:
        return self.settings.limit_test_batches

    @property
    def limit_predict_batches(self) -> int | float:
        return self.settings.limit_predict_batches

    @property
    def precision(self) -> str:
        return self.settings.precision.name

    @property
    def default_root_dir(self) -> str:
        return str(self.settings.default_root_dir)

    @property
    def ckpt_path(self) -> str | None:
        """The checkpoint that the current or last call was given."""
        return None if self._ckpt_path is None else str(self._ckpt_path)

    @property
    def barebones(self) -> bool:
        return self.settings.barebones

    @property
    def _fitted(self) -> Session | None:
        return self._sessions.get(TrainerFn.FITTING)

    @property
    def _training_data(self) -> TrainData | None:
        return self._fitted.asked_training_data if self._fitted is not None else None
