"""Samplers that shuffle by epoch are told it, in training and in every evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit
from torch.utils.data import DataLoader


class Telling(torch.utils.data.Sampler[int]):
    def __init__(self, told: list[int]) -> None:
        self.told = told

    def set_epoch(self, epoch: int) -> None:
        self.told.append(epoch)

    def __iter__(self) -> Any:
        return iter(range(4))

    def __len__(self) -> int:
        return 4


class Batches(Telling):
    """A batch sampler that can be told the epoch, and has a sampler inside."""

    def __init__(self, told: list[int], inside: list[int]) -> None:
        super().__init__(told)
        self.sampler = Telling(inside)

    def __iter__(self) -> Any:
        return iter([[0, 1], [2, 3]])

    def __len__(self) -> int:
        return 2


def program(L: Any, out: Path) -> dict[str, Any]:
    told: dict[str, list[int]] = {}

    def loader(name: str) -> Any:
        return DataLoader(kit.data(4), batch_size=2, sampler=Telling(told.setdefault(name, [])))

    def by_batches(name: str) -> Any:
        sampler = Batches(told.setdefault(name, []), told.setdefault(f"{name}, inside", []))
        return DataLoader(kit.data(4), batch_sampler=sampler)

    class Net(kit.module_class(L)):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return sum(self.loss(part) for part in batch)

        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", self.loss(batch))

        def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
            return self(batch[0])

    for name, settings in {
        "plain": {},
        "no check": {"num_sanity_val_steps": 0},
        "often": {"val_check_interval": 1, "max_epochs": 2},
        "late": {"check_val_every_n_epoch": 2},
        "renewed": {"reload_dataloaders_every_n_epochs": 1},
        "steps": {"max_steps": 3},
    }.items():
        trainer = kit.trainer(L, out, **({"max_epochs": 3} | settings))
        training = [loader(f"{name} train"), by_batches(f"{name} train by batches")]
        trainer.fit(Net(), training, [loader(f"{name} val"), by_batches(f"{name} val by batches")])
        trainer.validate(Net(), loader(f"{name} validate"), verbose=False)
        trainer.test(Net(), loader(f"{name} test"), verbose=False)
        trainer.predict(Net(), [loader(f"{name} predict"), loader(f"{name} predict too")])
    alone = kit.trainer(L, out)
    alone.validate(Net(), loader("alone"), verbose=False)
    return told
