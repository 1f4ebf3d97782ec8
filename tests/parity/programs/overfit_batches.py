"""A few batches, unshuffled, to train and to validate on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for amount in (2, 0.3):
        recorder = kit.Recorder(L)
        module = recorder.watch(kit.module_class(L), "M")()
        trainer = kit.trainer(L, out, max_epochs=2, overfit_batches=amount, callbacks=[recorder.callback()])
        trainer.fit(module, kit.loader(shuffle=True), kit.val_loader(9))
        result[str(amount)] = kit.summary(trainer, module, recorder)
    return result
