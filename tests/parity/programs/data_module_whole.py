"""All that a data module may do: arguments kept, a state saved, made from datasets, asked in order, told of errors."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}

    class Data(L.LightningDataModule):
        def __init__(self, samples: int = 5, shuffle: bool = False, **more: Any) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.epochs_seen = 0

        def setup(self, stage: str) -> None:
            self.train, self.val = kit.data(self.hparams.samples), kit.data(3, seed=11)

        def train_dataloader(self) -> Any:
            self.epochs_seen += 1
            return torch.utils.data.DataLoader(self.train, 2, shuffle=self.hparams.shuffle)

        def val_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(self.val, 2)

        def state_dict(self) -> dict[str, Any]:
            return {"epochs_seen": self.epochs_seen, "samples": torch.arange(3)}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            self.epochs_seen = 10 * state_dict["epochs_seen"]

    recorder = kit.Recorder(L)
    module, data = recorder.watch(kit.module_class(L), "M")(), recorder.watch(Data, "D")(7, shuffle=True, note="x")
    trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()], reload_dataloaders_every_n_epochs=1)
    trainer.fit(module, data)
    trainer.save_checkpoint(out / "saved.ckpt")
    result["fit"] = kit.summary(trainer, module, seen=data.epochs_seen, trace=list(recorder.trace))
    result["hparams"] = [dict(data.hparams), dict(data.hparams_initial), data.trainer is trainer]

    again = recorder.watch(Data, "D")()
    trainer = kit.trainer(L, out, max_epochs=3)
    trainer.fit(kit.module_class(L)(), datamodule=again, ckpt_path=out / "saved.ckpt")
    result["resumed"] = [again.epochs_seen, dict(again.hparams), kit.counters(trainer)]
    loaded = Data.load_from_checkpoint(out / "saved.ckpt", samples=9)
    result["loaded"] = [dict(loaded.hparams), loaded.epochs_seen]
    result["on an object"] = kit.attempt(partial(loaded.load_from_checkpoint, out / "saved.ckpt"))

    class Failing(Data):
        def val_dataloader(self) -> Any:
            raise RuntimeError("no data today")

    recorder = kit.Recorder(L, random=False)
    data = recorder.watch(Failing, "D")()
    failing = kit.trainer(L, out, max_epochs=1)
    result["failing"] = [kit.attempt(partial(failing.fit, kit.module_class(L)(), data))]
    result["failing"].append([line for line in recorder.trace if "teardown" not in line])

    class Sized(L.LightningDataModule):
        def __init__(self, batch_size: int = 3, extra: str = "none") -> None:
            super().__init__()
            self.batch_size, self.extra = batch_size, extra

    for name, source in {"plain": L.LightningDataModule, "own arguments": Sized}.items():
        sets = {
            "train_dataset": kit.data(5),
            "val_dataset": [kit.data(3), kit.data(2)],
            "test_dataset": {"a": kit.data(3)},
        }
        more = {"extra": "some"} if source is Sized else {}
        made = source.from_datasets(**sets, predict_dataset=kit.data(2), batch_size=2, **more)
        trainer = kit.trainer(L, out, max_epochs=1)
        torch.manual_seed(1)

        class Net(kit.module_class(L)):
            def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
                self.log("val_loss", self.loss(batch))

        module = Net()
        trainer.fit(module, datamodule=made)
        result[f"from datasets, {name}"] = kit.summary(trainer, module)
        result[f"from datasets, {name}"]["tested"] = trainer.test(module, datamodule=made, verbose=False)
        result[f"from datasets, {name}"]["predicted"] = trainer.predict(module, datamodule=made)
        result[f"from datasets, {name}"]["kept"] = [getattr(made, "batch_size", None), getattr(made, "extra", None)]
    return result
