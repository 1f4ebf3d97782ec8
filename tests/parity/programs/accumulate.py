"""Windows of three over seven batches: the last batch of an epoch steps its short window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, metrics=True)
    module = recorder.watch(kit.module_class(L), "M", also=("optimizer_zero_grad",))()
    trainer = kit.trainer(L, out, max_epochs=2, accumulate_grad_batches=3, callbacks=[recorder.callback()])
    trainer.fit(module, kit.loader(), kit.val_loader())
    return kit.summary(trainer, module, recorder)
