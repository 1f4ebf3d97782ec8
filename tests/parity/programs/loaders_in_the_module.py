"""Loaders that the module makes itself, and when it is asked for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    cases = ({}, {"num_sanity_val_steps": 0}, {"num_sanity_val_steps": 0, "check_val_every_n_epoch": 2})
    for settings in (*cases, {"limit_val_batches": 0}, {"max_epochs": 0}, {"limit_train_batches": 0}):
        recorder, name = kit.Recorder(L), str(settings)

        class Own(kit.module_class(L)):
            def train_dataloader(self) -> Any:
                return kit.loader(5)

            def val_dataloader(self) -> Any:
                return kit.val_loader(3)

            def test_dataloader(self) -> Any:
                return kit.val_loader(3)

            def predict_dataloader(self) -> Any:
                return [kit.val_loader(3)]

        module = recorder.watch(Own, "M")()
        trainer = kit.trainer(L, out, **({"max_epochs": 2, "callbacks": [recorder.callback()]} | settings))
        trainer.fit(module)
        result[name] = kit.summary(trainer, module)
        result[name]["tested"] = trainer.test(module, verbose=False)
        result[name]["predicted"] = trainer.predict(module)
        result[name]["trace"] = recorder.trace
    return result
