"""Every way to hand loaders and data modules to fit, validate, test and predict, and what the trainer shows of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    class Data(L.LightningDataModule):
        def train_dataloader(self) -> Any:
            return kit.loader(5)

        def val_dataloader(self) -> Any:
            return kit.val_loader(3)

        def test_dataloader(self) -> Any:
            return kit.val_loader(3)

        def predict_dataloader(self) -> Any:
            return kit.val_loader(3)

    class Silent(L.LightningModule):
        def forward(self, batch: Any) -> Any:
            return batch[0]

    train, val, data = kit.loader(5), kit.val_loader(3), Data()
    Net = kit.module_class(L)
    quiet = {"verbose": False}
    calls = {
        "loaders": lambda t, m: t.fit(m, train, val),
        "names": lambda t, m: t.fit(model=m, train_dataloaders=train, val_dataloaders=val),
        "a list to validate": lambda t, m: t.fit(m, train, [val]),
        "two to validate": lambda t, m: t.fit(m, train, [val, val]),
        "data module": lambda t, m: t.fit(m, datamodule=data),
        "data module in place of loaders": lambda t, m: t.fit(m, data),
        "data module by the name of loaders": lambda t, m: t.fit(m, train_dataloaders=data),
        "both": lambda t, m: t.fit(m, train, datamodule=data),
        "data module and a val loader": lambda t, m: t.fit(m, data, val),
        "no module": lambda t, m: t.fit(None, train),
        "no training_step": lambda t, m: t.fit(Silent(), train),
        "validate": lambda t, m: t.validate(m, val, **quiet),
        "validate by name": lambda t, m: t.validate(model=m, dataloaders=[val], **quiet),
        "validate a data module": lambda t, m: t.validate(m, data, **quiet),
        "test a data module": lambda t, m: t.test(m, datamodule=data, **quiet),
        "test both": lambda t, m: t.test(m, val, datamodule=data, **quiet),
        "test nothing": lambda t, m: t.test(m, **quiet),
        "no test_step": lambda t, m: t.test(Silent(), val, **quiet),
        "predict": lambda t, m: t.predict(m, val),
        "predict a data module": lambda t, m: t.predict(m, data),
        "predict by forward": lambda t, m: t.predict(Silent(), val),
    }
    result = {}
    for name, call in calls.items():
        module = Net()
        if "two" in name:
            module.validation_step = lambda batch, batch_idx, dataloader_idx: None
        trainer = kit.trainer(L, out, max_epochs=1)
        answer = kit.attempt(partial(call, trainer, module))
        shown: dict[str, Any] = {"answer": answer, "data module": trainer.datamodule is data}
        if answer != "an error":
            shown["train"] = trainer.train_dataloader is train or type(trainer.train_dataloader).__name__
            loaders = trainer.val_dataloaders
            shown["val"] = loaders is val or [type(part).__name__ for part in loaders or []]
            shown["sizes"] = [trainer.num_training_batches, trainer.num_val_batches, trainer.num_test_batches]
            shown["state"] = kit.counters(trainer)["state"]
        result[name] = shown
        kit.torch.manual_seed(1)
    return result
