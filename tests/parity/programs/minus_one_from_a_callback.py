"""A callback answers -1, which is not the module's answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)
    callback = recorder.callback("C", on_train_batch_start=lambda self, trainer, module, batch, batch_idx: -1)
    module = recorder.watch(kit.module_class(L), "M")()
    trainer = kit.trainer(L, out, max_epochs=1, callbacks=[callback])
    trainer.fit(module, kit.loader(), kit.val_loader())
    return kit.summary(trainer, module, recorder)
