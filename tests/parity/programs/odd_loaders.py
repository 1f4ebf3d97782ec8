"""Loaders that are empty, end early, give generators or lists, or have samplers that know the epoch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


class Sampler(torch.utils.data.Sampler[int]):
    def __init__(self) -> None:
        self.epochs: list[int] = []

    def set_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def __iter__(self) -> Any:
        return iter(range(4))

    def __len__(self) -> int:
        return 4


class Short:
    """Says that it has seven batches, and gives four."""

    def __len__(self) -> int:
        return 7

    def __iter__(self) -> Any:
        return iter(list(kit.loader())[:4])


class Forever:
    """Has no length and no end."""

    def __iter__(self) -> Any:
        while True:
            yield from kit.loader(5)


def program(L: Any, out: Path) -> dict[str, Any]:
    empty = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(0, 3), torch.ones(0, 1)))
    train, val = kit.loader, kit.val_loader
    cases: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "empty to train": (empty, val(), {}),
        "empty to validate": (train(), empty, {}),
        "one of two empty": (train(), [empty, val()], {}),
        "drop_last": (train(drop_last=True), val(), {}),
        "short": (Short(), val(), {}),
        "short to validate": (train(), Short(), {}),
        "forever, limited": (Forever(), val(), {"limit_train_batches": 5}),
        "forever, by steps": (Forever(), val(), {"max_steps": 5, "max_epochs": -1, "val_check_interval": 2}),
        "no data": (None, None, {}),
        "a number": (3, None, {}),
    }
    result = {}
    for name, (training, validating, settings) in cases.items():
        torch.manual_seed(1)
        recorder = kit.Recorder(L, random=False)

        class Net(kit.module_class(L)):
            def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
                self.log("val_loss", self.loss(batch) if isinstance(batch, list) else batch.mean())

        module = recorder.watch(Net, "M")()
        trainer = kit.trainer(L, out, **({"max_epochs": 2, "num_sanity_val_steps": 0} | settings))
        error = kit.attempt(partial(trainer.fit, module, training, validating))
        found = kit.summary(trainer, module, recorder, error=error)
        found.pop("random")  # how often a loader that is no DataLoader is asked for an iterator is nobody's business
        result[name] = {"error": error} if error else found
    samplers = {"sampler": Sampler(), "batch sampler": Sampler()}
    loaders = [train(sampler=samplers["sampler"])]
    batches = torch.utils.data.BatchSampler(samplers["batch sampler"], 2, drop_last=False)
    loaders.append(torch.utils.data.DataLoader(kit.data(5), batch_sampler=batches))
    for (name, sampler), loader in zip(samplers.items(), loaders, strict=True):
        kit.trainer(L, out, max_epochs=3).fit(kit.module_class(L)(), loader, val())
        result[name] = sampler.epochs
    return result
