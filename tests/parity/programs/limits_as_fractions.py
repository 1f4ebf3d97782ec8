"""Limits given as fractions of a loader: 0.5 of seven batches, 0.7 of three."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)
    module = recorder.watch(kit.module_class(L), "M")()
    limits = {"limit_train_batches": 0.5, "limit_val_batches": 0.7}
    trainer = kit.trainer(L, out, max_epochs=2, **limits, callbacks=[recorder.callback()])
    trainer.fit(module, kit.loader(), kit.val_loader())
    return kit.summary(trainer, module, recorder)
