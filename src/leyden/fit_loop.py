"""``trainer.fit_loop``: where programs written for Lightning read, and a few of them set, how far training is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import final

from leyden.core.metrics import Log
from leyden.core.state import State
from leyden.loop.progress import Progress, batch_progress, epoch_progress
from leyden.settings import Settings, limit_or_minus_one, limit_without_minus_one


@final
class EpochLoop:
    """The batches of training, under Lightning's names."""

    def __init__(self, state: State, log: Log) -> None:
        self._state = state
        self._log = log

    @property
    def batch_progress(self) -> Progress:
        return batch_progress(self._state, self._log.hook)

    @property
    def batch_idx(self) -> int:
        """The number of the current batch in its epoch; -1 before the first."""
        return self.batch_progress.current.ready - 1

    @property
    def total_batch_idx(self) -> int:
        """The number of the current batch in the run; -1 before the first."""
        return self.batch_progress.total.ready - 1

    @property
    def global_step(self) -> int:
        return self._state.step

    @property
    def _batches_that_stepped(self) -> int:
        return self._state.log_step


@final
class FitLoop:
    """Training as a whole, under Lightning's names. A limit that is set here counts from the next fit on."""

    def __init__(self, state: State, log: Log, settings: Settings, change: Callable[[Settings], None]) -> None:
        self.epoch_loop = EpochLoop(state, log)
        self._state = state
        self._settings = settings
        self._change = change

    @property
    def epoch_progress(self) -> Progress:
        return epoch_progress(self._state)

    @property
    def batch_idx(self) -> int:
        return self.epoch_loop.batch_idx

    @property
    def total_batch_idx(self) -> int:
        return self.epoch_loop.total_batch_idx

    @property
    def max_epochs(self) -> int:
        """The limit of epochs, -1 for none. Raise it to fit for longer with the same trainer."""
        return limit_or_minus_one(self._settings.epochs)

    @max_epochs.setter
    def max_epochs(self, epochs: int) -> None:
        self._change(replace(self._settings, max_epochs=limit_without_minus_one("max_epochs", epochs)))

    @property
    def max_steps(self) -> int:
        """The limit of optimizer steps, -1 for none."""
        return limit_or_minus_one(self._settings.max_steps)

    @max_steps.setter
    def max_steps(self, steps: int) -> None:
        self._change(replace(self._settings, max_steps=limit_without_minus_one("max_steps", steps)))

    @property
    def min_epochs(self) -> int:
        return self._settings.min_epochs

    @property
    def min_steps(self) -> int | None:
        return self._settings.min_steps or None
