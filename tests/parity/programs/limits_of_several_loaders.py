"""Limits as counts and fractions, with nothing, one and all of it, over loaders of unlike length."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

LIMITS = (None, 0, 0.0, 1, 1.0, 2.0, 0.5, 0.25, 0.2, 3, 100)


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}

    class Net(kit.module_class(L)):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return sum(self.loss(part) for part in batch)

        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", self.loss(batch))

        def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("test_loss", self.loss(batch))

        def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
            return dataloader_idx, batch_idx

    def loaders() -> Any:
        return [kit.loader(8), kit.loader(9, seed=3)]

    for limit in LIMITS:
        names = {stage: f"limit_{stage}_batches" for stage in ("train", "val", "test", "predict")}
        for stage, name in names.items():
            recorder = kit.Recorder(L)
            module = recorder.watch(Net, "M")()
            trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()], **{name: limit})
            calls = {
                "train": partial(trainer.fit, module, loaders(), kit.val_loader()),
                "val": partial(trainer.fit, module, [kit.loader()], loaders()),
                "test": partial(trainer.test, module, loaders(), verbose=False),
                "predict": partial(trainer.predict, module, loaders()),
            }
            answer = kit.attempt(calls[stage])
            found = {"answer": answer, "limit": getattr(trainer, name)}
            if answer != "an error":
                found |= kit.summary(trainer, module, recorder)
                found["counters"].pop("min_epochs")  # has a value before fit in one framework alone
                found["batches"] = [trainer.num_test_batches, trainer.num_predict_batches]
            result[f"{name}={limit!r}"] = found
    return result
