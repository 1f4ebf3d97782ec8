"""Objects of torchmetrics given to self.log, alone and in a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torchmetrics
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, metrics=True)

    class Measuring(kit.module_class(L)):
        def __init__(self) -> None:
            super().__init__()
            self.train_error = torchmetrics.MeanSquaredError()
            self.val_error = torchmetrics.MeanAbsoluteError()
            self.average = torchmetrics.MeanMetric()
            self.several = torchmetrics.MetricCollection(
                {"mse": torchmetrics.MeanSquaredError(), "mae": torchmetrics.MeanAbsoluteError()}, prefix="val_"
            )

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            x, y = batch
            predicted = self(x)
            self.train_error(predicted, y)
            self.log("train_error", self.train_error, on_step=True, on_epoch=True)
            self.average.update(float(batch_idx))
            self.log("average", self.average, on_step=False, on_epoch=True, prog_bar=True)
            return torch.nn.functional.mse_loss(predicted, y)

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            x, y = batch
            self.val_error.update(self(x), y)
            self.several.update(self(x), y)
            self.log("val_error", self.val_error)
            self.log_dict(self.several, on_step=False, on_epoch=True)

        def on_validation_epoch_end(self) -> None:
            self.log("copied", self.val_error.compute())

    module = recorder.watch(Measuring, "M")()
    settings = {"max_epochs": 2, "log_every_n_steps": 2, "logger": recorder.logger()}
    trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **settings)
    trainer.fit(module, kit.loader(7), kit.val_loader())
    validated = trainer.validate(module, kit.val_loader(), verbose=False)
    return kit.summary(trainer, module, recorder, validated=validated, left=module.val_error.compute())
