"""Schedulers where epochs are cut short, validated in between, or stepped by an own method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    cases = {
        "interval": {"val_check_interval": 3},
        "every second": {"check_val_every_n_epoch": 2},
        "limit": {"limit_train_batches": 4},
        "max_steps": {"max_steps": 10},
        "windows and limit": {"accumulate_grad_batches": 2, "limit_train_batches": 5},
        "skipping": {},
        "no validation": {"limit_val_batches": 0},
    }
    result = {}
    for name, settings in cases.items():
        recorder = kit.Recorder(L)

        class Scheduled(kit.module_class(L)):
            skip_at = 3 if name == "skipping" else None
            trace = recorder.trace

            def configure_optimizers(self) -> Any:
                optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
                epochs = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)
                steps = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.99)
                flat = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.9)
                watched = {"scheduler": flat, "monitor": "train_loss"}
                return [optimizer], [epochs, {"scheduler": steps, "interval": "step"}, watched]

            def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
                self.trace.append(f"lr={scheduler.optimizer.param_groups[0]['lr']!r}")
                super().lr_scheduler_step(scheduler, metric)

            def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
                return -1 if batch_idx == self.skip_at else None

        module = recorder.watch(Scheduled, "M")()
        settings = {"max_epochs": 3, "num_sanity_val_steps": 0} | settings
        trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[name] = kit.summary(trainer, module, recorder)
    return result
