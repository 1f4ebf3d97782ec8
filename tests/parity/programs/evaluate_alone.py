"""validate, test and predict without a fit: traces, answers, metrics left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

DIFFERS = {"counters.min_epochs": "min_epochs is resolved when the trainer is made, not when it fits"}


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, metrics=True)
    module = recorder.watch(kit.module_class(L), "M")()
    trainer = kit.trainer(L, out, callbacks=[recorder.callback()], logger=recorder.logger())
    result: dict[str, Any] = {"validated": trainer.validate(module, kit.val_loader(), verbose=False)}
    result["after validate"] = kit.metrics(trainer)
    result["tested"] = trainer.test(module, dataloaders=kit.val_loader(), verbose=False)
    result["after test"] = kit.metrics(trainer)
    result["predicted"] = trainer.predict(module, dataloaders=kit.val_loader())
    result["predicted and dropped"] = trainer.predict(module, kit.val_loader(), return_predictions=False)
    result["again"] = trainer.validate(module, kit.val_loader(), verbose=False)
    return result | kit.summary(trainer, module, recorder)
