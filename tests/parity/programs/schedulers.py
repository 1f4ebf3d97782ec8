"""Schedulers in every form that configure_optimizers may answer with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

OPTIM = torch.optim
SCHED = torch.optim.lr_scheduler


CONFIG = ("interval", "frequency", "monitor", "strict", "name", "reduce_on_plateau")


def step_lr(optimizer: Any) -> Any:
    return SCHED.StepLR(optimizer, step_size=2, gamma=0.5)


def plateau(optimizer: Any) -> Any:
    return SCHED.ReduceLROnPlateau(optimizer, patience=0, threshold=0.5)


FORMS = {
    "lists": lambda o: ([o], [step_lr(o)]),
    "list of optimizers": lambda o: [o],
    "dict": lambda o: {"optimizer": o, "lr_scheduler": step_lr(o)},
    "dict of dict": lambda o: {"optimizer": o, "lr_scheduler": {"scheduler": step_lr(o), "interval": "step"}},
    "step, frequency 3": lambda o: ([o], [{"scheduler": step_lr(o), "interval": "step", "frequency": 3}]),
    "epoch, frequency 2": lambda o: ([o], [{"scheduler": step_lr(o), "frequency": 2}]),
    "two schedulers": lambda o: ([o], [step_lr(o), {"scheduler": SCHED.ExponentialLR(o, 0.9), "interval": "step"}]),
    "plateau": lambda o: {"optimizer": o, "lr_scheduler": plateau(o), "monitor": "val_loss"},
    "plateau in a dict": lambda o: ([o], [{"scheduler": plateau(o), "monitor": "val_loss"}]),
    "plateau on training": lambda o: ([o], [{"scheduler": plateau(o), "monitor": "train_loss"}]),
    "plateau by steps": lambda o: (
        [o],
        [{"scheduler": plateau(o), "monitor": "train_loss", "interval": "step", "frequency": 2}],
    ),
    "plateau, not strict": lambda o: ([o], [{"scheduler": plateau(o), "monitor": "absent", "strict": False}]),
    "plateau, frequency 2": lambda o: ([o], [{"scheduler": plateau(o), "monitor": "val_loss", "frequency": 2}]),
    "named": lambda o: ([o], [{"scheduler": step_lr(o), "name": "mine"}]),
    "one cycle": lambda o: ([o], [{"scheduler": SCHED.OneCycleLR(o, 0.1, total_steps=22), "interval": "step"}]),
}


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name, form in FORMS.items():
        for windows in (1, 3):
            rates: list[Any] = []

            class Scheduled(kit.module_class(L)):
                def configure_optimizers(self, form: Any = form) -> Any:
                    return form(OPTIM.SGD(self.parameters(), lr=0.1))

            def look(self: Any, trainer: Any, *args: Any, rates: list[Any] = rates) -> None:
                rates.append(trainer.optimizers[0].param_groups[0]["lr"])

            moments = ("on_train_batch_start", "on_train_batch_end", "on_validation_end", "on_train_epoch_end")
            callback = type("Look", (L.Callback,), dict.fromkeys((*moments, "on_train_end"), look))()
            module = Scheduled()
            settings = {"max_epochs": 3, "accumulate_grad_batches": windows, "num_sanity_val_steps": 0}
            trainer = kit.trainer(L, out, callbacks=[callback], **settings)
            trainer.fit(module, kit.loader(), kit.val_loader())
            configs = [{key: getattr(c, key) for key in CONFIG} for c in trainer.lr_scheduler_configs]
            result[f"{name}, windows of {windows}"] = kit.summary(trainer, module, rates=rates, configs=configs)
    return result
