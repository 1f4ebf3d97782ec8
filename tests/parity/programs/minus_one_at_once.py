"""The module answers -1 before its first batch, so that no batch is trained at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)

    class Skipping(kit.module_class(L)):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
            return -1

    module = recorder.watch(Skipping, "M")()
    trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()])
    trainer.fit(module, kit.loader(), kit.val_loader())
    return kit.summary(trainer, module, recorder)
