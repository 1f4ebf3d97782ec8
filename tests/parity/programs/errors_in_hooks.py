"""An exception in a hook: who is told, what is still called, what the trainer says afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

DIFFERS = {
    "*.metrics.*": "Lightning no longer shows what was logged before the error; Leyden does",
    "on_validation_*.random": "a sanity check that fails leaves the random numbers as they were before it",
    "*.trace": {
        "lines": r"teardown\(stage='fit'\)",
        "reason": "after an error Lightning calls no teardown hook; Leyden does, since files and processes wait for it",
    },
}


def program(L: Any, out: Path) -> dict[str, Any]:
    hooks = ("setup", "on_fit_start", "on_sanity_check_start", "on_train_start", "on_train_batch_start")
    hooks += ("on_before_backward", "on_train_batch_end", "on_validation_batch_end", "on_validation_end")
    hooks += ("on_train_epoch_end", "on_train_end", "on_fit_end", "teardown")
    result = {}
    for name in hooks:
        recorder = kit.Recorder(L, random=False)

        def fail(self: Any, trainer: Any, *args: Any, name: str = name, **kwargs: Any) -> None:
            raise LookupError(name)

        class Data(L.LightningDataModule):
            def train_dataloader(self) -> Any:
                return kit.loader(5)

            def val_dataloader(self) -> Any:
                return kit.val_loader(3)

        failing = type("Failing", (L.Callback,), {name: fail})()
        module, data = recorder.watch(kit.module_class(L), "M")(), recorder.watch(Data, "D")()
        callbacks = [recorder.callback("before"), failing, recorder.callback("after")]
        trainer = kit.trainer(L, out, max_epochs=1, callbacks=callbacks, logger=recorder.logger())
        try:
            trainer.fit(module, data)
            error = None
        except LookupError as found:
            error = str(found)
        result[name] = kit.summary(trainer, module, recorder, error=error)
    return result
