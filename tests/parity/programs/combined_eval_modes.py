"""Evaluation on a CombinedLoader: side by side it is one loader, in sequence several, each with its own limit."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

LIMITS: dict[str, Any] = {"all": 1.0, "count": 2, "one": 1, "half": 0.5, "too little": 0.1, "none": 0}


class Stream(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(kit.data(5))


def program(L: Any, out: Path) -> dict[str, Any]:
    Combined = kit.combined_loader(L)
    result: dict[str, Any] = {}

    def first(batch: Any) -> Any:
        return next(part for part in batch.values() if part is not None) if isinstance(batch, dict) else batch

    class Net(kit.module_class(L)):
        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", self.loss(first(batch)), on_step=True, on_epoch=True, batch_size=1)

        def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("test_loss", self.loss(first(batch)), batch_size=1)

        def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
            return dataloader_idx, batch_idx, self(first(batch)[0])

    def run(case: str, loaders: Any, amount: Any) -> None:
        recorder = kit.Recorder(L)
        module = recorder.watch(Net, "M")()
        limits = {f"limit_{stage}_batches": amount for stage in ("val", "test", "predict")}
        settings = {"max_epochs": 1, "limit_train_batches": 2, "logger": recorder.logger(), **limits}
        trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **settings)
        error = kit.attempt(partial(trainer.fit, module, kit.loader(), loaders))
        result[case] = {"error": error} if error else kit.summary(trainer, module, recorder)
        if error:
            return
        result[case]["trace"] = list(recorder.trace)
        result[case]["tested"] = [trainer.test(module, loaders, verbose=False), trainer.num_test_batches]
        result[case]["predicted"] = predicted = [kit.attempt(partial(trainer.predict, module, loaders))]
        if predicted != ["an error"]:
            predicted += [trainer.num_predict_batches, type(trainer.predict_dataloaders).__name__]

    for mode in ("min_size", "max_size_cycle", "max_size", "sequential"):
        for name, amount in LIMITS.items():
            run(f"{mode} {name}", Combined({"a": kit.loader(9), "b": kit.loader(3)}, mode), amount)
        stream = torch.utils.data.DataLoader(Stream(), batch_size=2)
        for name, amount in {"all": 1.0, "two": 2, "half": 0.5}.items():
            run(f"{mode} unsized {name}", Combined({"a": stream, "b": kit.loader(3)}, mode), amount)
    limited = Combined([kit.loader(5), kit.loader(3)], "sequential")
    limited.limits = [1, 1]  # those of the run replace them
    run("limits of its own", limited, 1.0)
    return result
