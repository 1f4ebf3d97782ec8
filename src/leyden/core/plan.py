"""Plan: when things happen. Frozen; every method is a pure question about a State."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import final

from leyden.core.state import State


@final
@dataclass(frozen=True)
class Plan:
    """When things happen, resolved once before training starts."""

    max_epochs: float = inf
    max_steps: float = inf
    min_epochs: int = 0
    min_steps: int = 0
    accumulate: int = 1  # batches per optimizer step
    val_every: float = inf  # batches between validations; inf: at the end of an epoch; 0: never
    val_epochs: int | None = 1  # epochs between validations; None: count val_every across epochs
    val_seconds: float = inf  # time between validations, where they go by time; inf: val_every counts
    log_every: int = 50  # stepping batches between two rows of the loggers; 0: none

    def finished(self, s: State) -> bool:
        """Is it over? Not before all is done that follows the last batch and its epoch."""
        if s.at != "batch" and s.at != "epoch_start":
            return False
        spent = s.epoch >= self.max_epochs or s.step >= self.max_steps
        return spent or (s.stop and self.stops(s))

    def stops(self, s: State) -> bool:
        """Has someone asked to stop, and may the run stop already?"""
        return s.stop and s.epoch >= self.min_epochs and s.step >= self.min_steps

    def opens_window(self, index: int) -> bool:
        return index % self.accumulate == 0

    def closes_window(self, index: int, last: bool) -> bool:
        return last or (index + 1) % self.accumulate == 0

    def validates(self, s: State) -> bool:
        """Is a validation due after the batch that was just counted? A run that was asked to stop ends with one."""
        if self.val_every == 0 or not self.validates_in(s.epoch):
            return False
        if self.val_seconds < inf:
            due = s.unvalidated >= self.val_seconds
        elif self.val_every == inf:
            due = s.last
        else:
            due = (s.batches if self.val_epochs is None else s.batch) % self.val_every == 0
        return due or self.stops(s)

    def validates_in(self, epoch: int) -> bool:
        """May a validation fall into this epoch?"""
        return self.val_epochs is None or (epoch + 1) % self.val_epochs == 0

    def logs(self, s: State) -> bool:
        """Is a row of step metrics due after the current batch?"""
        return self.log_every > 0 and (s.log_step + 1) % self.log_every == 0
