"""The module answers -1 before its third batch and so ends the epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for settings in ({}, {"val_check_interval": 2}, {"accumulate_grad_batches": 4}):
        recorder = kit.Recorder(L)

        class Skipping(kit.module_class(L)):
            def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
                return -1 if batch_idx == 2 else None

        module = recorder.watch(Skipping, "M")()
        trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()], **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[",".join(settings)] = kit.summary(trainer, module, recorder)
    return result
