from __future__ import annotations

import pytest
import torch

from leyden.core.state import State
from leyden.core.warnings import LeydenWarning
from leyden.errors import MonitorError
from leyden.loop.optimizers import SchedulerConfig
from leyden.loop.schedulers import Schedulers


class Recorded:
    """Schedulers of these configurations, and what they were stepped with."""

    def __init__(self, *configs, metrics=None, automatic=True):
        self.steps = []
        self.metrics = {} if metrics is None else metrics
        configs = [SchedulerConfig(f"s{number}", **config) for number, config in enumerate(configs)]
        self.schedulers = Schedulers(configs, self._step, lambda: self.metrics, automatic)

    def _step(self, scheduler, metric):
        self.steps.append((scheduler, metric))

    def epoch(self, epoch, batches, last=True):
        """Run an epoch as the loop does; returns how often there were steps after each batch, and after the epoch."""
        counts, state = [], State(epoch=epoch)
        for index in range(batches):
            state.last = last and index + 1 == batches
            before = len(self.steps)
            self.schedulers.after_batch(state, index, True)
            self.schedulers.after_validation(index, True)
            counts.append(len(self.steps) - before)
        before = len(self.steps)
        self.schedulers.after_epoch(state)
        return counts, len(self.steps) - before


def on_metric(**config):
    return {"reduce_on_plateau": True, "monitor": "val", **config}


def test_a_scheduler_by_epoch_steps_after_the_last_batch():
    assert Recorded({}).epoch(0, 3) == ([0, 0, 1], 0)


def test_a_scheduler_by_epoch_does_not_step_in_an_epoch_that_is_cut_short():
    assert Recorded({}).epoch(0, 3, last=False) == ([0, 0, 0], 0)


def test_a_scheduler_by_batch_steps_after_every_batch():
    assert Recorded({"interval": "step"}).epoch(0, 3) == ([1, 1, 1], 0)


def test_a_scheduler_by_batch_waits_for_the_optimizer():
    recorded = Recorded({"interval": "step"})
    recorded.schedulers.after_batch(State(), 0, False)
    recorded.schedulers.after_validation(0, False)
    assert recorded.steps == []


@pytest.mark.parametrize(
    ("config", "counts"),
    [
        ({"interval": "step", "frequency": 2}, [([0, 1, 0, 1, 0], 0)] * 4),
        ({"frequency": 2}, [([0] * 5, 0), ([0, 0, 0, 0, 1], 0)] * 2),
        (on_metric(frequency=2), [([0] * 5, 0), ([0] * 5, 1)] * 2),
    ],
)
def test_the_frequency_counts_batches_of_the_epoch_or_epochs(config, counts):
    recorded = Recorded(config, metrics={"val": 1.0})
    assert [recorded.epoch(epoch, 5) for epoch in range(4)] == counts


def test_a_scheduler_on_a_metric_steps_after_the_epoch_when_validation_has_run():
    recorded = Recorded(on_metric(), metrics={"val": torch.tensor(0.5)})
    assert recorded.epoch(0, 2) == ([0, 0], 1)
    assert recorded.steps == [("s0", torch.tensor(0.5))]


def test_a_scheduler_on_a_metric_by_batch_steps_after_the_validation_of_the_batch():
    recorded = Recorded(on_metric(interval="step"), metrics={"val": 1.0})
    recorded.schedulers.after_batch(State(last=True), 0, True)
    assert recorded.steps == []
    recorded.schedulers.after_validation(0, True)
    assert recorded.steps == [("s0", 1.0)]


def test_schedulers_without_a_metric_are_stepped_with_none():
    recorded = Recorded({}, {"interval": "step"})
    recorded.epoch(0, 1)
    assert recorded.steps == [("s1", None), ("s0", None)]


def test_a_metric_that_nobody_has_logged_is_an_error_that_says_what_was():
    recorded = Recorded(on_metric(), metrics={"loss": 1.0, "acc": 0.5})
    with pytest.raises(MonitorError) as caught:
        recorded.epoch(0, 1)
    assert str(caught.value) == (
        "str watches the metric 'val', which nobody has logged by now. Logged so far: 'loss', 'acc'. "
        "Log it with self.log(), or set 'strict': False to wait for it."
    )


def test_a_scheduler_that_is_not_strict_waits_for_its_metric_with_a_warning():
    recorded = Recorded(on_metric(strict=False))
    with pytest.warns(LeydenWarning, match="'val'.*so it does not step. Logged so far: nothing"):
        recorded.epoch(0, 1)
    assert recorded.steps == []
    recorded.metrics["val"] = 0.0
    recorded.epoch(1, 1)
    assert recorded.steps == [("s0", 0.0)]


def test_in_manual_optimization_nothing_steps_by_itself():
    recorded = Recorded({}, {"interval": "step"}, on_metric(), metrics={"val": 1.0}, automatic=False)
    assert recorded.epoch(0, 2) == ([0, 0], 0)
    assert len(recorded.schedulers.configs) == 3
