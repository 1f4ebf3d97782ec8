"""Validation after every tenth batch of the run, wherever an epoch ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for interval in (5, 10):
        recorder = kit.Recorder(L)
        module = recorder.watch(kit.module_class(L), "M")()
        settings = {"check_val_every_n_epoch": None, "val_check_interval": interval, "max_epochs": 3}
        trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[str(interval)] = kit.summary(trainer, module, recorder, batch=trainer.val_check_batch)
    return result
