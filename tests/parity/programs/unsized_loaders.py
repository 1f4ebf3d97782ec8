"""Loaders that do not know their length: limits, intervals and the last batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "limit": {"limit_train_batches": 4, "limit_val_batches": 1},
    "interval": {"val_check_interval": 2},
    "windows": {"accumulate_grad_batches": 2},
    "steps": {"max_steps": 7},
    "across": {"val_check_interval": 4, "check_val_every_n_epoch": None},
}


class Stream(torch.utils.data.IterableDataset[Any]):
    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __iter__(self) -> Any:
        return iter(kit.data(self.samples))


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name, settings in CASES.items():
        recorder = kit.Recorder(L)
        module = recorder.watch(kit.module_class(L), "M")()
        loaders = [torch.utils.data.DataLoader(Stream(n), batch_size=2) for n in (9, 5)]
        trainer = kit.trainer(L, out, **({"max_epochs": 2, "callbacks": [recorder.callback()]} | settings))
        trainer.fit(module, *loaders)
        result[name] = kit.summary(trainer, module, recorder)
    return result
