"""self.log with its defaults in every hook that allows it: where the value goes and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

HOOKS = (
    *(f"on_train_{moment}" for moment in ("start", "epoch_start", "batch_start", "batch_end", "epoch_end")),
    *(f"on_validation_{moment}" for moment in ("start", "epoch_start", "batch_start", "batch_end", "epoch_end")),
    *("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step"),
)


def logging(name: str, label: str) -> Any:
    """A hook that logs how often it was called."""

    def hook(self: Any, *args: Any) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1
        self.log(f"{label}.{name}", float(self.calls[name]))

    return hook


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for interval in (1, 2, 50):
        recorder = kit.Recorder(L, facts=False, metrics=True)
        module = type("Chatty", (kit.module_class(L),), {name: logging(name, "M") for name in HOOKS})()
        callback = type("Talker", (L.Callback,), {name: logging(name, "C") for name in HOOKS})()
        module.calls, callback.calls = {}, {}
        settings = {"max_epochs": 2, "log_every_n_steps": interval, "logger": recorder.logger()}
        trainer = kit.trainer(L, out, callbacks=[callback, recorder.callback()], **settings)
        trainer.fit(module, kit.loader(5), kit.val_loader(3))
        result[str(interval)] = kit.summary(trainer, module, recorder)
    return result
