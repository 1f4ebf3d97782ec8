"""Reductions, batch sizes given and guessed, python numbers, integers and dtypes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, facts=False, metrics=True)

    class Reducing(kit.module_class(L)):
        def numbers(self, stage: str, index: int) -> None:
            values = (3.0, -1.0, 0.5, 7.0)[index % 4]
            for how in ("mean", "min", "max", "sum", torch.mean, torch.min, torch.max, torch.sum):
                name = how if isinstance(how, str) else f"torch_{how.__name__}"
                self.log(f"{stage}/{name}", values, on_step=False, on_epoch=True, reduce_fx=how)
            self.log(f"{stage}/given", values, on_step=False, on_epoch=True, batch_size=index + 1)
            self.log(f"{stage}/int", index, on_step=True, on_epoch=True)
            self.log(f"{stage}/bool", index % 2 == 0, on_step=True, on_epoch=True)
            self.log(f"{stage}/tensor_int", torch.tensor(index), on_step=True, on_epoch=True)
            self.log(f"{stage}/half", torch.tensor(values, dtype=torch.float16), on_step=True, on_epoch=True)
            self.log(f"{stage}/double", torch.tensor(values / 3, dtype=torch.float64), on_step=True, on_epoch=True)
            self.log(f"{stage}/one", torch.tensor([values]), on_step=True, on_epoch=True)
            self.log_dict({f"{stage}/a": values, f"{stage}/b": torch.tensor(values)}, on_epoch=True, prog_bar=True)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.numbers("train", batch_idx)
            return self.loss(batch)

        def validation_step(self, batch: Any, batch_idx: int) -> Any:
            self.numbers("val", batch_idx)

    module = recorder.watch(Reducing, "M", only=("on_train_epoch_end", "on_validation_epoch_end"))()
    settings = {"max_epochs": 1, "log_every_n_steps": 3, "logger": recorder.logger()}
    trainer = kit.trainer(L, out, **settings)
    trainer.fit(module, kit.loader(7), kit.val_loader())
    return kit.summary(trainer, module, recorder)
