"""ThroughputMonitor: when what is logged, and on which axis; by a clock that the program sets."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any
from unittest import mock

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}
    monitor_of = L.callbacks.ThroughputMonitor

    def told(recorder: Any) -> list[str]:
        return [line for line in recorder.trace if "log_metrics" in line and "/time" in line]

    runs: dict[str, dict[str, Any]] = {
        "every second": {"max_epochs": 2, "log_every_n_steps": 2},
        "windows": {"accumulate_grad_batches": 2, "log_every_n_steps": 1, "val_check_interval": 2},
        "steps": {"max_steps": 5, "log_every_n_steps": 1},
    }
    for name, arguments in runs.items():
        recorder = kit.Recorder(L)
        with mock.patch.object(time, "perf_counter", side_effect=itertools.count(0.0, 0.5)):
            monitor = monitor_of(lambda b: len(b[0]), length_fn=lambda b: b[0].numel(), window_size=3)
            module = kit.module_class(L)()
            module.flops_per_batch = 7
            arguments = {"max_epochs": 1, **arguments}
            trainer = kit.trainer(L, out, callbacks=[monitor], logger=recorder.logger(), **arguments)
            trainer.fit(module, kit.loader(), kit.val_loader())
            result[name] = told(recorder)
            recorder.trace.clear()
            for entry in ("validate", "test", "predict"):
                for _ in range(2):
                    keywords = {} if entry == "predict" else {"verbose": False}
                    getattr(trainer, entry)(module, kit.val_loader(), **keywords)
            result[f"{name}, evaluated"] = told(recorder)
    return result
