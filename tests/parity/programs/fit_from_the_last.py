"""fit with ckpt_path last: at the first start there is none, at the second there is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

DIFFERS = {
    "4.trace": {
        "lines": "on_train_start",
        "reason": "the epoch of the save is ended after on_train_start, since a scheduler may still have to step",
    },
}


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for epochs in (2, 4):
        recorder = kit.Recorder(L, random=False)
        module = recorder.watch(kit.module_class(L), "M")()
        saving = L.callbacks.ModelCheckpoint(dirpath=out / "kept", save_last=True)
        callbacks = [recorder.callback(), saving]
        trainer = kit.trainer(L, out, max_epochs=epochs, callbacks=callbacks, enable_checkpointing=True)
        error = kit.attempt(partial(trainer.fit, module, kit.loader(), kit.val_loader(), ckpt_path="last"))
        found = kit.summary(trainer, module, recorder, error=error, files=kit.files(out / "kept"))
        result[str(epochs)] = {key: value for key, value in found.items() if key != "random"}
    return result
