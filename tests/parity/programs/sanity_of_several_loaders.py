"""Checks before training with several loaders: some batches or all, with limits, without a length, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


class Stream(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(kit.data(7))


def program(L: Any, out: Path) -> dict[str, Any]:
    Combined = kit.combined_loader(L)
    makers = {
        "two": lambda: [kit.loader(9), kit.val_loader(3)],
        "dict": lambda: {"a": kit.loader(9), "b": kit.val_loader(3)},
        "side by side": lambda: Combined([kit.loader(9), kit.val_loader(3)], "max_size"),
        "shortest": lambda: Combined([kit.loader(9), kit.val_loader(3)], "min_size"),
        "stream": lambda: torch.utils.data.DataLoader(Stream(), batch_size=2),
        "stream beside": lambda: [torch.utils.data.DataLoader(Stream(), batch_size=2), kit.val_loader(3)],
        "iterator": lambda: iter(list(kit.loader(9))),
        "empty": lambda: kit.loader(0),
        "one empty": lambda: [kit.loader(0), kit.val_loader(3)],
    }
    result: dict[str, Any] = {}

    class Net(kit.module_class(L)):
        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("value", batch_idx + 10.0 * dataloader_idx, batch_size=1)

    for name, make in makers.items():
        for steps in (0, 1, 3, -1):
            for limit in (1.0, 2, 0):
                recorder = kit.Recorder(L)
                module = recorder.watch(Net, "M")()
                settings = {"max_epochs": 1, "num_sanity_val_steps": steps, "limit_val_batches": limit}
                trainer = kit.trainer(L, out, callbacks=[recorder.callback()], limit_train_batches=1, **settings)
                trainer.fit(module, kit.loader(), make())
                result[f"{name} {steps} {limit}"] = kit.summary(trainer, module, recorder)
                shown = trainer.num_sanity_val_steps
                result[f"{name} {steps} {limit}"]["shown"] = shown
    return result
