"""Numbers of other widths: the weights that come out, and what the module sees."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for precision in ("32-true", "32", 32, "64-true", 64, "bf16-true", "bf16-mixed", "16-true"):
        recorder = kit.Recorder(L)

        class Seeing(kit.module_class(L)):
            def training_step(self, batch: Any, batch_idx: int) -> Any:
                loss = self.loss(batch)
                self.log("train_loss", loss, on_step=True, on_epoch=True)
                self.log("number", 1.001, on_step=True, on_epoch=True)
                self.log("half", torch.tensor(1.001, dtype=torch.float16), on_step=True, on_epoch=True)
                self.log("whole", torch.tensor(1001), on_step=True, on_epoch=True)
                self.seen = [batch[0].dtype, self(batch[0]).dtype, loss.dtype, self.dtype, torch.get_default_dtype()]
                return loss

        module = recorder.watch(
            Seeing, "M", only=("on_before_backward", "on_train_batch_end", "on_validation_batch_end")
        )()
        settings = {"max_epochs": 2, "precision": precision, "gradient_clip_val": 0.5, "accumulate_grad_batches": 2}
        trainer = kit.trainer(L, out, **settings)
        error = kit.attempt(partial(trainer.fit, module, kit.loader(), kit.val_loader()))
        found = kit.summary(trainer, module, recorder, error=error, seen=[str(kind) for kind in module.seen])
        result[repr(precision)] = found | {"precision": str(trainer.precision)}
    return result
