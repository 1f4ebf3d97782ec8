"""Trainer(max_time=...): the Timer that it adds, where, and what it means for max_epochs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

CASES: dict[str, dict[str, Any]] = {
    "text": {"max_time": "00:00:10:00"},
    "timedelta": {"max_time": timedelta(hours=1)},
    "dict": {"max_time": {"minutes": 5}},
    "none": {},
    "with max_epochs": {"max_time": "00:00:10:00", "max_epochs": 1},
    "with max_steps": {"max_time": "00:00:10:00", "max_steps": 3},
    "short": {"max_time": "00:00:10:00", "fast_dev_run": True},
    "at once": {"max_time": timedelta(0)},
    "at once, after some steps": {"max_time": timedelta(0), "min_steps": 5},
}


def program(L: Any, out: Path) -> dict[str, Any]:
    class Stop(L.Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.should_stop = True

    result: dict[str, Any] = {}
    for name, settings in CASES.items():
        module = kit.module_class(L)()
        trainer = kit.trainer(L, out, callbacks=[Stop()], **settings)
        timers = [callback for callback in trainer.callbacks if isinstance(callback, L.callbacks.Timer)]
        left = [timer.time_remaining() for timer in timers]
        before = trainer.max_epochs
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[name] = kit.summary(trainer, module, left=left, before=before)

    own = L.callbacks.Timer({"hours": 2})
    both = kit.trainer(L, out, max_time="00:00:10:00", callbacks=[own])
    result["a timer of one's own"] = [timer is own for timer in both.callbacks]
    stopping = L.callbacks.EarlyStopping("val_loss")
    order = kit.trainer(L, out, max_time="00:00:10:00", callbacks=[stopping], enable_checkpointing=True)
    result["order"] = [type(callback).__name__ for callback in order.callbacks]
    for given in ("10 minutes", 600, {"years": 1}):
        result[f"{given} is no time"] = kit.attempt(lambda given=given: kit.trainer(L, out, max_time=given))
    return result
