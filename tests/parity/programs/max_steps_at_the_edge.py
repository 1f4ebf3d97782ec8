"""The steps are spent exactly with the last batch of an epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)
    module = recorder.watch(kit.module_class(L), "M")()
    trainer = kit.trainer(L, out, max_steps=7, callbacks=[recorder.callback()])
    trainer.fit(module, kit.loader(), kit.val_loader())
    return kit.summary(trainer, module, recorder)
