from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.callbacks import ThroughputMonitor
from leyden.core.warnings import LeydenWarning
from leyden.errors import SettingsError


class Rows(L.loggers.Logger):
    """Keeps what is logged of throughput."""

    name, version = "rows", 0

    def __init__(self) -> None:
        self.rows: list[tuple[int | None, dict[str, float]]] = []

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        if any("/time" in name for name in metrics):
            self.rows.append((step, dict(metrics)))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        pass


class Counted(Tiny):
    flops_per_batch = 100


@pytest.fixture
def clock(monkeypatch):
    """A second passes whenever somebody asks."""
    monkeypatch.setattr(time, "perf_counter", itertools.count().__next__)


def monitored(root, rows, **arguments):
    monitor = ThroughputMonitor(len, length_fn=lambda batch: batch.numel(), window_size=2)
    return trainer(root, monitor, logger=rows, log_every_n_steps=1, **arguments)


def test_training_and_validation_are_logged_by_clocks_of_their_own(tmp_path, clock):
    rows = Rows()
    monitored(tmp_path, rows, num_sanity_val_steps=1, max_epochs=2).fit(Counted(), batches(2), batches(1))
    rates = {"batches_per_sec": 1.0, "samples_per_sec": 1.0, "items_per_sec": 2.0, "flops_per_sec": 100.0}
    full = {f"train/device/{name}": rate for name, rate in rates.items()}

    def training(seconds: int, epoch: int) -> dict[str, float]:
        count = {"time": seconds, "batches": seconds, "samples": seconds, "lengths": 2 * seconds}
        return {f"train/{name}": value for name, value in count.items()} | {"epoch": epoch}

    validation = {"validate/time": 1, "validate/batches": 1, "validate/samples": 1, "validate/lengths": 2}
    assert rows.rows == [
        (0, training(1, 0)),
        (1, full | training(2, 0)),
        (1, validation),
        (2, full | training(3, 1)),
        (3, full | training(4, 1)),
        (1, validation),
    ]


def test_rows_come_as_often_as_others(tmp_path, clock):
    rows = Rows()
    monitored(tmp_path, rows, accumulate_grad_batches=2).fit(Counted(), batches(5), batches(1))
    assert [row["train/batches"] for _, row in rows.rows if "train/batches" in row] == [2, 4, 5]
    rows = Rows()
    never = trainer(tmp_path, ThroughputMonitor(len), logger=rows, log_every_n_steps=0)
    never.fit(Counted(), batches(2), batches(1))
    assert rows.rows == []


@pytest.mark.parametrize("entry", ["validate", "test", "predict"])
def test_evaluations_go_on_counting(tmp_path, clock, entry):
    rows = Rows()
    runs = monitored(tmp_path, rows)

    class Predicts(Counted):
        def predict_step(self, batch, batch_idx):
            return batch

    for _ in range(2):
        getattr(runs, entry)(Predicts(), batches(2))
    assert [(step, row[f"{entry}/batches"]) for step, row in rows.rows] == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_module_without_its_operations_is_told_once(tmp_path):
    with pytest.warns(LeydenWarning, match="Tiny has none") as told:
        trainer(tmp_path, ThroughputMonitor(len)).fit(Tiny(), batches(2), batches(1))
    assert len(told) == 1


def test_wrong_arguments_are_found_at_once():
    with pytest.raises(SettingsError, match="window_size"):
        ThroughputMonitor(len, window_size=0)
    with pytest.raises(TypeError, match="no_such"):
        ThroughputMonitor(len, no_such=1)
