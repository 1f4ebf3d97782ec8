"""LearningRateMonitor: when it logs a row, at which step, and what it remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

OPTIM = torch.optim
SCHED = torch.optim.lr_scheduler


def step_lr(optimizer: Any) -> Any:
    return SCHED.StepLR(optimizer, step_size=1, gamma=0.5)


FORMS = {
    "no scheduler": lambda o: o,
    "by epoch": lambda o: ([o], [step_lr(o)]),
    "by step": lambda o: ([o], [{"scheduler": step_lr(o), "interval": "step"}]),
    "both": lambda o: ([o], [{"scheduler": step_lr(o), "interval": "step"}, SCHED.ExponentialLR(o, 0.9)]),
    "plateau": lambda o: {"optimizer": o, "lr_scheduler": SCHED.ReduceLROnPlateau(o), "monitor": "val_loss"},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "every step": {"log_every_n_steps": 1},
    "every third": {"log_every_n_steps": 3},
    "never": {"log_every_n_steps": 0},
    "windows": {"log_every_n_steps": 1, "accumulate_grad_batches": 3},
    "short": {"fast_dev_run": 3, "log_every_n_steps": 1},
}


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for form, interval, name in (
        *((form, interval, "every third") for form in FORMS for interval in (None, "step", "epoch")),
        *(("by epoch", None, name) for name in SETTINGS),
        *(("no scheduler", "step", name) for name in SETTINGS),
    ):

        class Scheduled(kit.module_class(L)):
            def configure_optimizers(self, form: str = form) -> Any:
                return FORMS[form](OPTIM.SGD(self.parameters(), lr=0.1))

        monitor = L.callbacks.LearningRateMonitor(logging_interval=interval)
        recorder = kit.Recorder(L)
        module = Scheduled()
        settings = {"max_epochs": 2, "callbacks": [monitor], "logger": recorder.logger()} | SETTINGS[name]
        trainer = kit.trainer(L, out, **settings)
        trainer.fit(module, kit.loader(9), kit.val_loader())
        again = {"rates": monitor.lrs, "state": monitor.state_dict(), "key": monitor.state_key}
        result[f"{form}, {interval}, {name}"] = kit.summary(trainer, module, recorder, **again)
    return result
