"""Ctrl-C in a hook: who is told, and what the caller gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

DIFFERS = {
    "*.counters.state": "an interrupted run has no stage any more, as after any other error",
    "*.trace": {
        "lines": r"teardown\(stage='fit'\)",
        "reason": "after an interrupt Lightning calls no teardown hook; Leyden does",
    },
}


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name in ("on_train_batch_end", "on_validation_start", "on_train_start"):
        recorder = kit.Recorder(L, random=False)

        def interrupt(self: Any, *args: Any) -> None:
            raise KeyboardInterrupt

        module = recorder.watch(kit.module_class(L), "M")()
        callbacks = [recorder.callback(), type("Interrupting", (L.Callback,), {name: interrupt})()]
        settings = {"num_sanity_val_steps": 0, "max_epochs": 1, "logger": recorder.logger()}
        trainer = kit.trainer(L, out, callbacks=callbacks, **settings)
        raised = None
        try:
            trainer.fit(module, kit.loader(5), kit.val_loader(3))
        except (KeyboardInterrupt, SystemExit) as found:
            raised = type(found).__name__
        result[name] = kit.summary(trainer, module, recorder, raised=raised)
    return result
