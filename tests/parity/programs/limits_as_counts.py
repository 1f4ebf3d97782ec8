"""Limits given as numbers of batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)
    module = recorder.watch(kit.module_class(L), "M")()
    limits = {"limit_train_batches": 3, "limit_val_batches": 2, "limit_test_batches": 1, "limit_predict_batches": 2}
    trainer = kit.trainer(L, out, max_epochs=2, **limits, callbacks=[recorder.callback()])
    trainer.fit(module, kit.loader(), kit.val_loader())
    fitted = kit.summary(trainer, module)
    tested = trainer.test(module, kit.val_loader(), verbose=False)
    predicted = trainer.predict(module, kit.val_loader())
    batches = {"test": trainer.num_test_batches, "predict": trainer.num_predict_batches}
    return fitted | {"trace": recorder.trace, "tested": tested, "predicted": predicted, "batches": batches}
