"""EarlyStopping: end training when a metric no longer improves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import Enum
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from leyden.api.callback import Callback
from leyden.callbacks.monitored import acts_after_training_epoch, check_mode, not_logged, outside_training
from leyden.callbacks.saved_state import SavedState
from leyden.errors import FormatError, MonitorError, SettingsError
from leyden.runtime.rank_zero import rank_zero_info

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer


class EarlyStoppingReason(Enum):
    """Why training was ended."""

    NOT_STOPPED = 0
    STOPPING_THRESHOLD = 1
    DIVERGENCE_THRESHOLD = 2
    PATIENCE_EXHAUSTED = 3
    NON_FINITE_METRIC = 4


class EarlyStopping(Callback):
    """End training when a metric stops improving, gets good enough, or goes wrong.

    Args:
        monitor: the metric, by the name under which it is logged.
        min_delta: the least change that counts as an improvement.
        patience: how many checks in a row may bring no improvement.
        verbose: log every improvement and why training ended.
        mode: "min" if less is better, "max" if more is.
        strict: a metric that is missing is an error; otherwise the check is skipped.
        check_finite: end training when the metric is NaN or infinite.
        stopping_threshold: end training as soon as the metric is better than this.
        divergence_threshold: end training as soon as the metric is worse than this.
        check_on_train_epoch_end: check at the end of each training epoch (True) or of each validation (False). By
            default the former where validation ends every epoch or never runs, the latter otherwise.
        log_rank_zero_only: log on the first process alone.

    Raises:
        SettingsError: an argument cannot be used, or two exclude each other.
    """

    monitors: ClassVar[bool] = True
    catches_up: ClassVar[bool] = True

    mode_dict: ClassVar[dict[str, Callable[..., Tensor]]] = {"min": torch.lt, "max": torch.gt}
    order_dict: ClassVar[dict[str, str]] = {"min": "<", "max": ">"}

    def __init__(
        self,
        monitor: str,
        min_delta: float = 0.0,
        patience: int = 3,
        verbose: bool = False,
        mode: str = "min",
        strict: bool = True,
        check_finite: bool = True,
        stopping_threshold: float | None = None,
        divergence_threshold: float | None = None,
        check_on_train_epoch_end: bool | None = None,
        log_rank_zero_only: bool = False,
    ) -> None:
        super().__init__()
        _check_arguments(monitor, min_delta, patience, mode, stopping_threshold, divergence_threshold)
        self.monitor = monitor
        self.patience = int(patience)
        self.verbose = verbose
        self.mode = mode
        self.strict = strict
        self.check_finite = check_finite
        self.stopping_threshold = stopping_threshold
        self.divergence_threshold = divergence_threshold
        self.log_rank_zero_only = log_rank_zero_only
        self._check_on_train_epoch_end = check_on_train_epoch_end
        self.min_delta = min_delta if mode == "max" else -min_delta
        """Signed, so that ``current - min_delta`` is what has to be better than the best."""
        self.wait_count = 0
        """Checks in a row without improvement."""
        self.stopped_epoch = 0
        """The epoch in which training was ended; 0 if it was not."""
        self.best_score = torch.tensor(math.inf if mode == "min" else -math.inf)
        self.stopping_reason = EarlyStoppingReason.NOT_STOPPED
        self.stopping_reason_message: str | None = None

    @property
    def state_key(self) -> str:
        return self._generate_state_key(monitor=self.monitor, mode=self.mode)

    @property
    def monitor_op(self) -> Callable[..., Tensor]:
        """Is the first tensor better than the second?"""
        return self.mode_dict[self.mode]

    def state_dict(self) -> dict[str, Any]:
        return {
            "wait_count": self.wait_count,
            "stopped_epoch": self.stopped_epoch,
            "best_score": self.best_score,
            "patience": self.patience,
            "stopping_reason": self.stopping_reason.value,
            "stopping_reason_message": self.stopping_reason_message,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave; the patience is the saved one.

        Raises:
            FormatError: a value is missing or of the wrong kind.
        """
        saved = SavedState(self.state_key, state_dict)
        wait_count, stopped_epoch = saved.count("wait_count"), saved.count("stopped_epoch")
        best_score, patience = saved.number("best_score"), saved.count("patience")
        reason = saved.count("stopping_reason", EarlyStoppingReason.NOT_STOPPED.value)
        message = saved.optional_text("stopping_reason_message")
        if reason not in {known.value for known in EarlyStoppingReason}:
            raise FormatError(
                f"The saved state of {self.state_key} has stopping_reason={reason}, which is no known reason."
            )
        self.wait_count, self.stopped_epoch, self.best_score, self.patience = (
            wait_count,
            stopped_epoch,
            best_score,
            patience,
        )
        self.stopping_reason, self.stopping_reason_message = EarlyStoppingReason(reason), message

    def on_validation_end(self, trainer: Trainer, pl_module: Module) -> None:
        if not outside_training(trainer) and not self._after_training_epoch(trainer):
            self._run_early_stopping_check(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        if not outside_training(trainer) and self._after_training_epoch(trainer):
            self._run_early_stopping_check(trainer)

    def _after_training_epoch(self, trainer: Trainer) -> bool:
        chosen = self._check_on_train_epoch_end
        return acts_after_training_epoch(trainer) if chosen is None else chosen

    def _run_early_stopping_check(self, trainer: Trainer) -> None:
        metrics = trainer.callback_metrics
        if not self._validate_condition_metric(metrics):
            return
        stops, reason = self._evaluate_stopping_criteria(metrics[self.monitor].squeeze())
        if stops:
            trainer.should_stop = True
            self.stopped_epoch = trainer.current_epoch
            self.stopping_reason_message = reason
        if reason and self.verbose:
            rank_zero_info(reason)

    def _validate_condition_metric(self, logs: Mapping[str, Tensor]) -> bool:
        """Is the metric there? It has to be, if ``strict``."""
        if self.monitor in logs:
            return True
        if self.strict:
            raise MonitorError(
                f"{not_logged('EarlyStopping', self.monitor, logs)} With strict=False the check is skipped without it."
            )
        return False

    def _evaluate_stopping_criteria(self, current: Tensor) -> tuple[bool, str | None]:
        """Should training end with this value of the metric, and what is there to say? Subclasses may override it."""
        name, better, worse = self.monitor, self.order_dict[self.mode], ">" if self.mode == "min" else "<"
        if self.check_finite and not torch.isfinite(current):
            self.stopping_reason = EarlyStoppingReason.NON_FINITE_METRIC
            return True, f"{name} = {current} is not finite; the best was {self.best_score:.3f}. Training ends."
        if self.stopping_threshold is not None and self.monitor_op(current, self.stopping_threshold):
            self.stopping_reason = EarlyStoppingReason.STOPPING_THRESHOLD
            return True, f"{name} = {current} {better} stopping_threshold = {self.stopping_threshold}. Training ends."
        if self.divergence_threshold is not None and self.monitor_op(-current, -self.divergence_threshold):
            self.stopping_reason = EarlyStoppingReason.DIVERGENCE_THRESHOLD
            return (
                True,
                f"{name} = {current} {worse} divergence_threshold = {self.divergence_threshold}. Training ends.",
            )
        if self.monitor_op(current - self.min_delta, self.best_score.to(current.device)):
            message = self._improvement_message(current)
            self.best_score, self.wait_count = current.detach().clone(), 0
            return False, message
        self.wait_count += 1
        if self.wait_count >= self.patience:
            self.stopping_reason = EarlyStoppingReason.PATIENCE_EXHAUSTED
            return True, (
                f"{name} has not improved in {self.wait_count} checks in a row; the best was {self.best_score:.3f}. "
                "Training ends."
            )
        return False, None

    def _improvement_message(self, current: Tensor) -> str:
        if torch.isfinite(self.best_score):
            gain = abs(self.best_score - current)
            return f"{self.monitor} improved by {gain:.3f} to {current:.3f}, its best so far."
        return f"{self.monitor} is {current:.3f} at the first check."


def _check_arguments(
    monitor: Any, min_delta: Any, patience: Any, mode: Any, stopping_threshold: Any, divergence_threshold: Any
) -> None:
    if not isinstance(monitor, str) or not monitor:
        raise SettingsError(f"monitor={monitor!r} must be the name of a metric, such as 'val_loss'.")
    check_mode(mode)
    if not isinstance(patience, Integral) or patience < 0:
        raise SettingsError(f"patience={patience!r} must be a whole number of checks, 0 or more.")
    if not _is_number(min_delta) or not math.isfinite(min_delta):
        raise SettingsError(f"min_delta={min_delta!r} must be a finite number, the least change that counts as better.")
    for name, value in (("stopping_threshold", stopping_threshold), ("divergence_threshold", divergence_threshold)):
        if value is not None and (not _is_number(value) or math.isnan(value)):
            raise SettingsError(f"{name}={value!r} must be a number, or None for no threshold.")
    if stopping_threshold is not None and divergence_threshold is not None:
        room = divergence_threshold - stopping_threshold
        if (room if mode == "min" else -room) <= 0:
            good = "lower" if mode == "min" else "higher"
            raise SettingsError(
                f"stopping_threshold={stopping_threshold} and divergence_threshold={divergence_threshold} leave no "
                f"value with which training goes on. In mode {mode!r} the stopping_threshold has to be the {good} one. "
                "Swap them, or drop one."
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
