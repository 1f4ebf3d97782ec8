"""estimated_stepping_batches asked for in configure_optimizers, where loaders are not known yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

DIFFERS = {
    "*.trace": {
        "lines": "on_fit_start",
        "reason": "the order of an epoch is drawn when training starts, also where the loader was asked for its length",
    },
}
CASES: tuple[dict[str, Any], ...] = (
    {},
    {"accumulate_grad_batches": 2},
    {"accumulate_grad_batches": 20},
    {"max_steps": 9},
    {"max_steps": 9, "max_epochs": None},
    {"limit_train_batches": 3},
    {"limit_train_batches": 0.5, "accumulate_grad_batches": 2},
    {"fast_dev_run": True},
)


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for settings in CASES:
        recorder = kit.Recorder(L)

        class Asking(kit.module_class(L)):
            def train_dataloader(self) -> Any:
                return kit.loader()

            def configure_optimizers(self) -> Any:
                optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
                self.steps = self.trainer.estimated_stepping_batches
                scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=int(self.steps) + 1)
                return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

        module = recorder.watch(Asking, "M")()
        trainer = kit.trainer(L, out, **({"max_epochs": 3} | settings))
        trainer.fit(module)
        result[str(settings)] = kit.summary(trainer, module, recorder, steps=module.steps)
    return result
