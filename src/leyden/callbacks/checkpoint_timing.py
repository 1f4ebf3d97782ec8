"""When a checkpoint is saved: what is due after a batch, a validation or an epoch, and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, final

from leyden.callbacks.monitored import acts_after_training_epoch, outside_training

if TYPE_CHECKING:
    from leyden.trainer import Trainer


@final
@dataclass
class Timing:
    """When to save; at most one of steps, interval and epochs is on. Its questions are asked once, each in its hook."""

    steps: int = 0  # optimizer steps between checkpoints; 0: never
    interval: timedelta | None = None
    epochs: int = 0  # epochs between checkpoints; 0: never
    after_training_epoch: bool | None = None  # False: after validation; None: wherever metrics are complete

    metric: str | None = None  # what ranks the checkpoints
    awaits_metric: bool = False  # a checkpoint is due, as soon as its metric is there
    validated: bool = False  # a validation has run in this fit
    first_step: int = 0  # the optimizer step at which this fit began
    seen_step: int = 0  # the optimizer step after the last batch
    since: float = 0.0  # when the current interval began

    by_batch: bool = field(init=False)  # may one be due after a batch?

    def __post_init__(self) -> None:
        self.by_batch = self.steps > 0 or self.interval is not None

    def start(self, step: int, now: float, metric: str | None, seen_step: int | None = None) -> None:
        """Training begins, or goes on from a checkpoint that was made when ``seen_step`` was as it was."""
        self.first_step, self.seen_step = step, step if seen_step is None else seen_step
        self.since, self.metric, self.validated = now, metric, False

    def after_batch(self, trainer: Trainer, saved_step: int, now: float) -> bool:
        """Save now? A checkpoint that is ranked waits for the validation that is due, or else for its metric."""
        step = trainer.global_step
        if step == self.seen_step:  # inside a window of accumulated batches
            return False
        self.seen_step = step
        if self.interval is not None:
            due = now - self.since >= self.interval.total_seconds()
            self.since = now if due else self.since
        else:
            due = self.steps > 0 and step % self.steps == 0
        if not due or step == saved_step or outside_training(trainer):
            return False
        self.awaits_metric = self.metric is not None and (trainer.validation_due or not self._metric_is_there(trainer))
        return not self.awaits_metric

    def after_validation(self, trainer: Trainer, saved_step: int) -> bool:
        """Save now?"""
        if outside_training(trainer):
            return False
        self.validated = True
        if self.awaits_metric:
            return self._metric_is_there(trainer)
        return self._epoch_is_due(trainer, saved_step) and not self._acts_after_training_epoch(trainer)

    def after_epoch(self, trainer: Trainer, saved_step: int) -> bool:
        """Save now? What still waits for its metric has waited long enough, unless validation is yet to come."""
        if self.awaits_metric:
            return self.validated or not trainer.enable_validation or self._metric_is_there(trainer)
        return self._epoch_is_due(trainer, saved_step) and self._acts_after_training_epoch(trainer)

    def at_end(self, trainer: Trainer, saved_step: int) -> bool:
        """Save what was never due? If this fit has trained at all."""
        return trainer.global_step not in (self.first_step, saved_step) and not outside_training(trainer)

    def _epoch_is_due(self, trainer: Trainer, saved_step: int) -> bool:
        if self.epochs == 0 or (trainer.current_epoch + 1) % self.epochs != 0:
            return False
        return saved_step != trainer.global_step and not outside_training(trainer)

    def _acts_after_training_epoch(self, trainer: Trainer) -> bool:
        chosen = self.after_training_epoch
        return acts_after_training_epoch(trainer) if chosen is None else chosen

    def _metric_is_there(self, trainer: Trainer) -> bool:
        return self.metric in ("epoch", "step") or self.metric in trainer.callback_metrics
