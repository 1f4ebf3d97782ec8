"""Timer: how long training takes, and an end to it when its time is up."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from leyden.api.callback import Callback
from leyden.callbacks.saved_state import SavedState
from leyden.core.duration import Duration, seconds_of
from leyden.core.stage import RunningStage, TextEnum
from leyden.errors import SettingsError
from leyden.runtime.rank_zero import rank_zero_info

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer


class Interval(TextEnum):
    """When the time is looked at."""

    step = "step"
    epoch = "epoch"


class Timer(Callback):
    """Measure how long training, validation and testing take; ask the trainer to stop when a limit is reached.

    ``Trainer(max_time=...)`` adds one. Like any other wish to stop, it is granted once ``min_epochs`` and ``min_steps``
    are reached. The time of a run that is resumed counts from where it was.

    Args:
        duration: the limit of the time spent training: "DD:HH:MM:SS", a timedelta, or a dict of its arguments. None
            only measures.
        interval: look at the time after each batch ("step") or at the end of each epoch ("epoch").
        verbose: log when the limit is reached.
    """

    catches_up: ClassVar[bool] = True

    def __init__(self, duration: Duration | None = None, interval: str = Interval.step, verbose: bool = True) -> None:
        if interval not in tuple(Interval):
            raise SettingsError(f"Timer(interval={interval!r}) is no interval. Use 'step' or 'epoch'.")
        self._duration = None if duration is None else seconds_of("duration", duration)
        self._interval = Interval(interval)
        self._verbose = verbose
        self._start: dict[RunningStage, float] = {}
        self._end: dict[RunningStage, float] = {}
        self._offset = 0.0  # seconds trained before the run was resumed

    def start_time(self, stage: str = RunningStage.TRAINING) -> float | None:
        """When this stage last began, by ``time.monotonic``; None if it has not."""
        return self._start.get(_stage(stage))

    def end_time(self, stage: str = RunningStage.TRAINING) -> float | None:
        """When this stage last ended, by ``time.monotonic``; None if it has not, or has begun again."""
        return self._end.get(_stage(stage))

    def time_elapsed(self, stage: str = RunningStage.TRAINING) -> float:
        """Seconds spent in this stage, the last time that it ran or since it runs."""
        start, end = self.start_time(stage), self.end_time(stage)
        offset = self._offset if stage == RunningStage.TRAINING else 0.0
        if start is None:
            return offset
        return (monotonic() if end is None else end) - start + offset

    def time_remaining(self, stage: str = RunningStage.TRAINING) -> float | None:
        """Seconds of the limit that are left; None where there is no limit."""
        return None if self._duration is None else self._duration - self.time_elapsed(stage)

    def state_dict(self) -> dict[str, Any]:
        return {"time_elapsed": {stage.value: self.time_elapsed(stage) for stage in RunningStage}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the time that ``state_dict`` gave.

        Raises:
            FormatError: it is not a number of seconds.
        """
        elapsed = SavedState(self.state_key, state_dict).part("time_elapsed")
        self._offset = elapsed.seconds(RunningStage.TRAINING.value)
        self._forget_training()

    def on_fit_start(self, trainer: Trainer, pl_module: Module) -> None:
        if RunningStage.TRAINING in self._start:  # an earlier fit, which this one does not go on from
            self._offset = 0.0
            self._forget_training()
        self._check(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._begin(RunningStage.TRAINING)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._interval is Interval.step:
            self._check(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        if self._interval is Interval.epoch:
            self._check(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: Module) -> None:
        self._end[RunningStage.TRAINING] = monotonic()

    def on_validation_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._begin(RunningStage.VALIDATING)

    def on_validation_end(self, trainer: Trainer, pl_module: Module) -> None:
        self._end[RunningStage.VALIDATING] = monotonic()

    def on_test_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._begin(RunningStage.TESTING)

    def on_test_end(self, trainer: Trainer, pl_module: Module) -> None:
        self._end[RunningStage.TESTING] = monotonic()

    def _begin(self, stage: RunningStage) -> None:
        self._start[stage] = monotonic()
        self._end.pop(stage, None)

    def _forget_training(self) -> None:
        self._start.pop(RunningStage.TRAINING, None)
        self._end.pop(RunningStage.TRAINING, None)

    def _check(self, trainer: Trainer) -> None:
        left = self.time_remaining()
        if left is None or left > 0 or trainer.should_stop:
            return
        trainer.should_stop = True
        if self._verbose:
            rank_zero_info("The time is up: %s were spent training.", timedelta(seconds=round(self.time_elapsed())))


def _stage(name: str) -> RunningStage:
    if name not in tuple(RunningStage):
        raise SettingsError(f"stage={name!r} is no stage. Known are {', '.join(RunningStage)}.")
    return RunningStage(name)
