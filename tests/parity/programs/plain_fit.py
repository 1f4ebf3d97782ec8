"""Two epochs of training with validation, every hook recorded, metrics read at every hook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, metrics=True)
    module = recorder.watch(kit.module_class(L), "M")()
    trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()])
    trainer.fit(module, kit.loader(5), kit.val_loader())
    return kit.summary(trainer, module, recorder)
