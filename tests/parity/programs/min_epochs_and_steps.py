"""What holds a stop back: min_epochs, min_steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    cases = ({}, {"min_epochs": 2}, {"min_steps": 9}, {"min_epochs": 2, "min_steps": 4}, {"min_steps": 3})
    for settings in cases:
        for hook in ("on_train_batch_end", "on_validation_end", "on_train_epoch_end", "on_train_start"):
            recorder = kit.Recorder(L)

            def stop(self: Any, trainer: Any, *args: Any) -> None:
                trainer.should_stop = True

            module = recorder.watch(kit.module_class(L), "M", only=("on_train_batch_start", "on_validation_start"))()
            callback = type("Stop", (L.Callback,), {hook: stop})()
            trainer = kit.trainer(L, out, max_epochs=4, callbacks=[callback], num_sanity_val_steps=0, **settings)
            trainer.fit(module, kit.loader(), kit.val_loader())
            result[f"{hook} {settings}"] = kit.summary(trainer, module, recorder)
    return result
