"""Validation after every fraction of an epoch, with windows that are open when it comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for fraction in (0.5, 0.3, 1.0):
        recorder = kit.Recorder(L)
        module = recorder.watch(kit.module_class(L), "M", also=("on_validation_model_zero_grad",))()
        settings = {"val_check_interval": fraction, "accumulate_grad_batches": 2, "num_sanity_val_steps": 0}
        trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()], **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[str(fraction)] = kit.summary(trainer, module, recorder, batch=trainer.val_check_batch)
    return result
