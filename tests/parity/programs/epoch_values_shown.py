"""When values of an epoch become visible to who reads them, and what a read leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    class Telling(kit.module_class(L)):
        def on_train_start(self) -> None:
            self.log("train_start", 1.0)

        def on_train_epoch_start(self) -> None:
            self.log("train_epoch_start", 2.0 + self.current_epoch)

        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            self.log("batch_start", 3.0 + batch_idx, on_epoch=True)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.log("epoch_only", float(batch_idx), on_step=False, on_epoch=True)
            self.log("step_only", float(batch_idx), prog_bar=True)
            return self.loss(batch)

        def on_train_epoch_end(self) -> None:
            self.log("train_epoch_end", 4.0 + self.current_epoch)

        def on_validation_start(self) -> None:
            self.log("val_start", 5.0 + self.global_step)

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val", float(batch_idx))
            self.log("val_both", float(batch_idx), on_step=True)

        def on_validation_epoch_end(self) -> None:
            self.log("val_end", 6.0 + self.global_step)

    result = {}
    for sanity in (0, 2):
        for reads in (True, False):
            recorder = kit.Recorder(L, metrics=reads)
            module = Telling()
            settings = {"max_epochs": 2, "num_sanity_val_steps": sanity, "val_check_interval": 2}
            trainer = kit.trainer(L, out, callbacks=[recorder.callback()], logger=recorder.logger(), **settings)
            trainer.fit(module, kit.loader(7), kit.val_loader(3))
            result[f"sanity {sanity}, reads {reads}"] = kit.summary(trainer, module, recorder)
    return result
