"""Two, none and all of the validation batches before training; what is logged there is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for steps in (0, 1, 2, -1):
        recorder = kit.Recorder(L, metrics=True)
        module = recorder.watch(kit.module_class(L), "M")()
        settings = {"max_epochs": 1, "num_sanity_val_steps": steps, "limit_train_batches": 1}
        trainer = kit.trainer(L, out, callbacks=[recorder.callback()], logger=recorder.logger(), **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[str(steps)] = kit.summary(trainer, module, recorder)
    return result
