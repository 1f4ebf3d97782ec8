from __future__ import annotations

import importlib.machinery
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.callbacks import DeviceStatsMonitor
from leyden.errors import PackageError, SettingsError

NAMES = ("cpu_percent", "cpu_vm_percent", "cpu_swap_percent")


class Rows(L.loggers.Logger):
    name, version = "rows", 0

    def __init__(self) -> None:
        self.rows: list[tuple[int | None, dict[str, float]]] = []

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        if any("Monitor" in name for name in metrics):
            self.rows.append((step, dict(metrics)))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        pass


@pytest.fixture
def psutil(monkeypatch):
    """The package, which tells the same every time."""
    package = ModuleType("psutil")
    package.__spec__ = importlib.machinery.ModuleSpec("psutil", None)
    package.cpu_percent = lambda: 10.0
    package.virtual_memory = lambda: SimpleNamespace(percent=20.0)
    package.swap_memory = lambda: SimpleNamespace(percent=30.0)
    monkeypatch.setitem(sys.modules, "psutil", package)


def hooks(rows: Rows) -> list[tuple[int | None, str]]:
    return [(step, next(iter(row)).partition("/")[0].removeprefix("DeviceStatsMonitor.")) for step, row in rows.rows]


def test_the_processor_is_told_of_before_and_after_batches(tmp_path, psutil):
    rows = Rows()
    runs = trainer(tmp_path, DeviceStatsMonitor(), logger=rows, log_every_n_steps=2)
    runs.fit(Tiny(), batches(4), batches(2))
    train, val = (
        ("on_train_batch_start", "on_train_batch_end"),
        ("on_validation_batch_start", "on_validation_batch_end"),
    )
    assert hooks(rows) == [*((1, hook) for hook in train), *((3, hook) for hook in (*train, *val))]
    keys = [f"DeviceStatsMonitor.on_train_batch_start/{name}" for name in NAMES]
    assert rows.rows[0][1] == dict(zip(keys, (10.0, 20.0, 30.0), strict=True))
    rows.rows.clear()
    runs.test(Tiny(), batches(2), verbose=False)
    assert [hook for _, hook in hooks(rows)] == ["on_test_batch_start", "on_test_batch_end"]


def test_an_accelerator_tells_of_its_device(tmp_path, psutil, monkeypatch):
    rows = Rows()
    runs = trainer(tmp_path, DeviceStatsMonitor(cpu_stats=True), logger=rows, log_every_n_steps=1)
    monkeypatch.setattr(type(runs.strategy), "root_device", SimpleNamespace(type="own"))
    monkeypatch.setattr(runs.accelerator, "get_device_stats", lambda device: {"heat": 7.0}, raising=False)
    monitor = runs.callbacks[0]
    monitor.setup(runs, Tiny(), "fit")
    monitor.on_train_batch_end(runs, Tiny(), None, None, 0)
    (row,) = rows.rows
    assert sorted(name.partition("/")[2] for name in row[1]) == sorted((*NAMES, "heat"))


def test_nothing_is_logged_where_nothing_is_told(tmp_path):
    rows = Rows()
    for monitor, every in ((DeviceStatsMonitor(cpu_stats=False), 1), (DeviceStatsMonitor(cpu_stats=False), 0)):
        trainer(tmp_path, monitor, logger=rows, log_every_n_steps=every).fit(Tiny(), batches(2), batches(1))
    assert rows.rows == []


def test_what_it_needs_and_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(SettingsError, match="logger=False leaves it nowhere to log to"):
        trainer(tmp_path, DeviceStatsMonitor()).fit(Tiny(), batches(1), batches(1))
    monkeypatch.setattr("leyden.callbacks.device_stats_monitor.installed", lambda package: False)
    with pytest.raises(PackageError, match="needs psutil"):
        trainer(tmp_path, DeviceStatsMonitor(), logger=Rows()).fit(Tiny(), batches(1), batches(1))
