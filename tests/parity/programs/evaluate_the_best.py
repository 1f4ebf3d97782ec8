"""Evaluation after a fit: without a model, with ckpt_path best, last and a path; whose weights, which hooks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

DIFFERS = {
    "trace": {
        "lines": r"on_exception\(exception=FileNotFoundError|teardown\(stage='test'\)",
        "reason": "the operating system's own words, and teardown is called after an error too",
    },
}


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, random=False)

    class Getting(kit.module_class(L)):
        def on_validation_epoch_end(self) -> None:
            self.log("value", (0.5, 0.1, 0.3, 0.4)[self.current_epoch])

    module = recorder.watch(Getting, "M", only=("on_load_checkpoint", "setup", "on_fit_start", "on_test_start"))()
    saving = L.callbacks.ModelCheckpoint(dirpath=out / "kept", monitor="value", save_last=True)
    trainer = kit.trainer(L, out, max_epochs=3, callbacks=[recorder.callback(), saving], enable_checkpointing=True)
    trainer.fit(module, kit.loader(), kit.val_loader())
    result: dict[str, Any] = {}

    def note(name: str, call: Any) -> None:
        recorder.note(f"--- {name}")
        result[name] = {"answer": kit.attempt(call), "path": trainer.ckpt_path, "weights": kit.weights(module)}

    note("last of fit", lambda: None)
    test = partial(trainer.test, dataloaders=kit.val_loader(), verbose=False)
    note("test with the model", partial(test, module))
    note("test without a model", test)
    note("test the last", partial(test, ckpt_path="last"))
    note("test the best", partial(test, module, ckpt_path="best"))
    note("test a path", partial(test, module, ckpt_path=str(out / "kept" / "last.ckpt")))
    note("test a path that is not there", partial(test, module, ckpt_path=str(out / "absent.ckpt")))
    note("predict without a model", partial(trainer.predict, dataloaders=kit.val_loader()))
    note("test another model", partial(test, kit.module_class(L)()))
    fresh = kit.trainer(L, out)
    note("test with nothing", partial(fresh.test, dataloaders=kit.val_loader(), verbose=False))
    note("test the best of nothing", partial(fresh.test, module, kit.val_loader(), ckpt_path="best", verbose=False))
    return result | kit.summary(trainer, module, recorder)
