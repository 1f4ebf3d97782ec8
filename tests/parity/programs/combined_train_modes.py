"""Training on a CombinedLoader: the modes that have a meaning there, with limits and loaders of unknown length."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "count": {"limit_train_batches": 2},
    "fraction": {"limit_train_batches": 0.5},
    "interval": {"val_check_interval": 2, "accumulate_grad_batches": 2},
    "steps": {"max_steps": 3},
}


class Stream(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(kit.data(5))


def leaves(batch: Any) -> list[Any]:
    if isinstance(batch, dict):
        return [leaf for part in batch.values() for leaf in leaves(part)]
    return [] if batch is None else [batch]


def program(L: Any, out: Path) -> dict[str, Any]:
    Combined = kit.combined_loader(L)
    result = {}

    class Net(kit.module_class(L)):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return sum(self.loss(part) for part in leaves(batch))

    for mode in ("min_size", "max_size_cycle", "max_size", "sequential"):
        for name, settings in CASES.items():
            for sized in (True, False):
                if not sized and name in ("fraction", "interval"):
                    continue
                recorder = kit.Recorder(L)
                module = recorder.watch(Net, "M")()
                stream = torch.utils.data.DataLoader(Stream(), batch_size=2)
                inner = {"c": kit.loader(3, shuffle=True)} if sized else {"c": stream}
                loaders = Combined({"a": kit.loader(9, shuffle=True), "b": inner}, mode)
                probe = recorder.callback()
                trainer = kit.trainer(L, out, **({"max_epochs": 2, "callbacks": [probe]} | settings))
                error = kit.attempt(partial(trainer.fit, module, loaders, kit.val_loader()))
                case = f"{mode} {name} {'sized' if sized else 'unsized'}"
                result[case] = {"error": error} if error else kit.summary(trainer, module, recorder)
                result[case]["shown"] = None if error else trainer.train_dataloader == loaders.iterables
    return result
