"""One batch, or three, of everything: no logger, no checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for batches in (True, 3):
        recorder = kit.Recorder(L)
        module = recorder.watch(kit.module_class(L), "M")()
        settings = {"fast_dev_run": batches, "max_epochs": 5, "enable_checkpointing": True, "logger": True}
        trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        tested = trainer.test(module, kit.val_loader(), verbose=False)
        more = {
            "tested": tested,
            "files": kit.files(out),
            "fast": trainer.fast_dev_run,
            "loggers": len(trainer.loggers),
        }
        result[str(batches)] = kit.summary(trainer, module, recorder, checkpoint=trainer.checkpoint_callback, **more)
    return result
