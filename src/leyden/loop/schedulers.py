"""Stepping learning-rate schedulers: by batch, by epoch, or by a metric once it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

from leyden.core.state import State
from leyden.core.warnings import LeydenRuntimeWarning, warn
from leyden.errors import MonitorError
from leyden.loop.optimizers import Interval, SchedulerConfig


@final
class Schedulers:
    """The schedulers of a run.

    ``step`` is the module's ``lr_scheduler_step``; ``metrics`` gives the metrics logged so far, for schedulers that
    watch one.
    """

    def __init__(
        self,
        configs: list[SchedulerConfig],
        step: Callable[[Any, Any], None],
        metrics: Callable[[], Mapping[str, Any]],
        automatic: bool = True,
    ) -> None:
        self.configs = configs
        self._stepped = configs if automatic else []  # in manual optimization the module steps them itself
        self._step = step
        self._metrics = metrics

    def after_batch(self, state: State, index: int, stepped: bool) -> None:
        """Step those that go by batch, and after the last batch those that go by epoch."""
        if not self._stepped:
            return
        if stepped:
            self._step_due("step", index + 1, on_metric=False)
        if state.last:
            self._step_due("epoch", state.epoch + 1, on_metric=False)

    def after_validation(self, index: int, stepped: bool) -> None:
        """Step those that go by batch and watch a metric, now that a validation may have renewed it."""
        if stepped and self._stepped:
            self._step_due("step", index + 1, on_metric=True)

    def after_epoch(self, state: State) -> None:
        """Step those that go by epoch and watch a metric, unless the epoch was cut short."""
        if state.last:
            self._step_due("epoch", state.epoch + 1, on_metric=True)

    def _step_due(self, interval: Interval, count: int, on_metric: bool) -> None:
        for config in self._stepped:
            if config.interval == interval and config.reduce_on_plateau == on_metric and count % config.frequency == 0:
                if not on_metric:
                    self._step(config.scheduler, None)
                elif (metric := self._monitored(config)) is not None:
                    self._step(config.scheduler, metric)

    def _monitored(self, config: SchedulerConfig) -> Any:
        metrics = self._metrics()
        value = metrics.get(config.monitor or "")
        if value is None:
            scheduler = type(config.scheduler).__name__
            problem = f"{scheduler} watches the metric {config.monitor!r}, which nobody has logged by now"
            known = f"Logged so far: {', '.join(map(repr, metrics)) or 'nothing'}."
            if config.strict:
                raise MonitorError(f"{problem}. {known} Log it with self.log(), or set 'strict': False to wait for it.")
            warn(f"{problem}, so it does not step. {known}", LeydenRuntimeWarning)
        return value
