"""The run ends in the middle of its second epoch because the steps are spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name, settings in {"plain": {}, "windows": {"accumulate_grad_batches": 2}, "both": {"max_epochs": 1}}.items():
        recorder = kit.Recorder(L)
        module = recorder.watch(kit.module_class(L), "M")()
        trainer = kit.trainer(L, out, max_steps=9, callbacks=[recorder.callback()], **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[name] = kit.summary(trainer, module, recorder, estimated=trainer.estimated_stepping_batches)
    return result
