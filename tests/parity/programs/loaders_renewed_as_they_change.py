"""Loaders that are asked for again grow, shrink or become more, beside validations that come late or by batches."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

CASES: dict[str, dict[str, Any]] = {
    "every": {"reload_dataloaders_every_n_epochs": 1},
    "every, late validation": {"reload_dataloaders_every_n_epochs": 1, "check_val_every_n_epoch": 2},
    "second, late validation": {"reload_dataloaders_every_n_epochs": 2, "check_val_every_n_epoch": 2},
    "third, late validation": {"reload_dataloaders_every_n_epochs": 3, "check_val_every_n_epoch": 2},
    "every, half": {"reload_dataloaders_every_n_epochs": 1, "val_check_interval": 0.5},
    "every, two": {"reload_dataloaders_every_n_epochs": 1, "val_check_interval": 2},
    "every, three": {"reload_dataloaders_every_n_epochs": 1, "val_check_interval": 3},
    "every, across": {
        "reload_dataloaders_every_n_epochs": 1,
        "val_check_interval": 3,
        "check_val_every_n_epoch": None,
    },
    "every, limited": {"reload_dataloaders_every_n_epochs": 1, "limit_train_batches": 0.5, "limit_val_batches": 1},
    "every, steps": {"reload_dataloaders_every_n_epochs": 1, "max_steps": 5},
}


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}

    class Growing(kit.module_class(L)):
        asked = 0

        def train_dataloader(self) -> Any:
            self.asked += 1
            return kit.loader(4 * self.asked, shuffle=True)

        def val_dataloader(self) -> Any:
            return [kit.val_loader(2)] * max(self.asked, 1)

        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", self.loss(batch))

    class Shrinking(Growing):
        def train_dataloader(self) -> Any:
            self.asked += 1
            return kit.loader(max(6 - 2 * self.asked, 0))

    for kind in (Growing, Shrinking):
        for name, settings in CASES.items():
            for sanity in (0, 1):
                torch.manual_seed(1)
                recorder = kit.Recorder(L)
                module = recorder.watch(kind, "M")()
                settings = {"max_epochs": 5, "num_sanity_val_steps": sanity} | settings
                trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **settings)
                error = kit.attempt(partial(trainer.fit, module))
                found = {"error": error} if error else kit.summary(trainer, module, recorder)
                result[f"{kind.__name__} {name} {sanity}"] = found | {"asked": module.asked}
    recorder = kit.Recorder(L)
    module = recorder.watch(kit.module_class(L), "M")()
    trainer = kit.trainer(L, out, max_epochs=3, reload_dataloaders_every_n_epochs=1)
    trainer.fit(module, kit.loader(5, shuffle=True), kit.val_loader())
    result["given"] = kit.summary(trainer, module, recorder)
    return result
