"""Timer: when it ends a run, what it measures, what it remembers, and how max_time adds it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

NOW = timedelta(0)
LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "at once": ({"duration": NOW}, {}),
    "at once, by epoch": ({"duration": NOW, "interval": "epoch"}, {}),
    "after some steps": ({"duration": NOW}, {"min_steps": 10}),
    "after an epoch": ({"duration": NOW}, {"min_epochs": 1}),
    "after two epochs": ({"duration": NOW, "interval": "epoch"}, {"min_epochs": 2}),
    "never": ({"duration": {"days": 1}}, {}),
    "without a limit": ({}, {}),
}
STAGES = ("train", "sanity_check", "validate", "test", "predict")
DURATIONS = ("00:00:00:22", "01:02:03:04", "00:25:61:61", timedelta(hours=2), {"hours": 3, "minutes": 1}, {"days": 1.5})
MISTAKES = ("00:00:22", "1:1:1:1:1", "soon", 5, {"years": 1})


def measured(timer: Any) -> dict[str, Any]:
    """Which times are known; how long they are differs from run to run."""
    asked = {"start": timer.start_time, "end": timer.end_time}
    known = {name: [stage for stage in STAGES if ask(stage) is not None] for name, ask in asked.items()}
    known["elapsed"] = [stage for stage in STAGES if timer.time_elapsed(stage) > 0]
    known["remaining"] = [stage for stage in STAGES if timer.time_remaining(stage) is not None]
    saved = timer.state_dict()
    return known | {"saved": {stage: seconds > 0 for stage, seconds in saved["time_elapsed"].items()}}


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, (arguments, settings) in LIMITS.items():
        recorder = kit.Recorder(L)
        timer = L.callbacks.Timer(**arguments)
        module = kit.module_class(L)()
        trainer = kit.trainer(L, out, max_epochs=3, callbacks=[recorder.callback(), timer], **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        more: dict[str, Any] = {"measured": measured(timer), "key": timer.state_key}
        if name in ("never", "without a limit"):
            trainer.test(module, kit.val_loader(), verbose=False)
            trainer.predict(module, kit.val_loader())
            more["after test and prediction"] = measured(timer)
        result[name] = kit.summary(trainer, module, recorder, **more)

    first = kit.trainer(L, out, max_epochs=1, callbacks=[L.callbacks.Timer()])
    first.fit(kit.module_class(L)(), kit.loader())
    first.save_checkpoint(out / "first.ckpt")
    timer, module = L.callbacks.Timer(NOW), kit.module_class(L)()
    resumed = kit.trainer(L, out, max_epochs=3, callbacks=[timer])
    resumed.fit(module, kit.loader(), ckpt_path=out / "first.ckpt")
    result["resumed"] = {"step": resumed.global_step, "elapsed": timer.time_elapsed() > 0}

    result["durations"] = [L.callbacks.Timer(duration).time_remaining() for duration in DURATIONS]
    result["mistakes"] = [kit.attempt(lambda given=given: L.callbacks.Timer(given)) for given in MISTAKES]
    result["unknown interval"] = kit.attempt(lambda: L.callbacks.Timer(interval="batch"))
    return result
