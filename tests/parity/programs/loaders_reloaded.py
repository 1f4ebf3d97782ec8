"""Loaders that the module makes itself, asked for again in every epoch, and in every second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for every in (1, 2):
        recorder = kit.Recorder(L)

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
        settings = {"max_epochs": 4, "reload_dataloaders_every_n_epochs": every, "callbacks": [recorder.callback()]}
        trainer = kit.trainer(L, out, **settings)
        trainer.fit(module)
        result[str(every)] = kit.summary(trainer, module)
        result[str(every)]["tested"] = trainer.test(module, verbose=False)
        result[str(every)]["predicted"] = trainer.predict(module)
        result[str(every)]["trace"] = recorder.trace
    return result
