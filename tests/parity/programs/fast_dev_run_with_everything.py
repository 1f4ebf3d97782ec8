"""A short run of a program that sets everything else too, with several loaders and all that may stop or add to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

NAMES = ("fast_dev_run", "max_epochs", "max_steps", "min_steps", "num_sanity_val_steps", "val_check_interval")
NAMES += ("check_val_every_n_epoch", "limit_train_batches", "limit_val_batches", "limit_test_batches")
NAMES += ("limit_predict_batches", "overfit_batches", "reload_dataloaders_every_n_epochs", "accumulate_grad_batches")


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}

    class Data(L.LightningDataModule):
        def train_dataloader(self) -> Any:
            return [kit.loader(9, shuffle=True), kit.loader(5)]

        def val_dataloader(self) -> Any:
            return {"a": kit.val_loader(), "b": kit.val_loader(1)}

        test_dataloader = predict_dataloader = val_dataloader

    class Net(kit.module_class(L)):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return sum(self.loss(part) for part in batch)

        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", self.loss(batch))

        def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("test_loss", self.loss(batch))

        def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
            return self(batch[0])

    for batches in (1, 2, 100):
        for name, settings in {
            "plain": {},
            "limits": {"limit_train_batches": 0.5, "limit_val_batches": 0, "limit_test_batches": 7},
            "lengths": {"max_epochs": 7, "min_epochs": 3, "max_steps": 50, "min_steps": 20, "max_time": "00:00:01:00"},
            "validation": {"val_check_interval": 3, "check_val_every_n_epoch": None, "num_sanity_val_steps": -1},
            "late validation": {"check_val_every_n_epoch": 4},
            "windows": {"accumulate_grad_batches": 4},
            "renewed": {"reload_dataloaders_every_n_epochs": 1},
            "overfit": {"overfit_batches": 3},
        }.items():
            recorder = kit.Recorder(L)
            module, data = recorder.watch(Net, "M")(), recorder.watch(Data, "D")()
            trainer = kit.trainer(L, out, fast_dev_run=batches, callbacks=[recorder.callback()], **settings)
            trainer.fit(module, datamodule=data)
            found = kit.summary(trainer, module)
            found["tested"] = trainer.test(module, datamodule=data, verbose=False)
            found["predicted"] = trainer.predict(module, datamodule=data)
            found["settings"] = {name: getattr(trainer, name) for name in NAMES}
            result[f"{batches} {name}"] = found | {"trace": recorder.trace}
    return result
