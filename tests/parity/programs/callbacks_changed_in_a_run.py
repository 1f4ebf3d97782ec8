"""Callbacks that come and go, and hooks that are set, while a run is going on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

DIFFERS = {
    "trace": {
        "lines": r"late\.on_train_epoch_start.*epoch=1",
        "reason": "a hook is heard by all who were there when it began, also where one takes another away",
    },
}


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)
    late = recorder.callback("late")
    Extra = type("Extra", (L.Callback,), {})
    third = recorder.watch(Extra, "third")()

    class Managing(L.Callback):
        def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
            trainer.callbacks.append(late)

        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch == 1:
                trainer.callbacks.remove(late)
                trainer.callbacks = [*trainer.callbacks, third]

    module = kit.module_class(L)()
    module.on_train_epoch_end = lambda: recorder.note("set on the object")
    trainer = kit.trainer(L, out, max_epochs=3, callbacks=[Managing()])
    trainer.fit(module, kit.loader(3), kit.val_loader(3))
    return kit.summary(trainer, module, recorder, callbacks=[type(c).__name__ for c in trainer.callbacks])
