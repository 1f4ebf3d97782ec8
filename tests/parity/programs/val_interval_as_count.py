"""Validation after every third of seven batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, metrics=True)
    module = recorder.watch(kit.module_class(L), "M")()
    trainer = kit.trainer(L, out, max_epochs=2, val_check_interval=3, callbacks=[recorder.callback()])
    trainer.fit(module, kit.loader(), kit.val_loader())
    return kit.summary(trainer, module, recorder, batch=trainer.val_check_batch)
