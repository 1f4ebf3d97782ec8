"""Whatever can be iterated is a loader: lists, datasets, generators, streams with and without a length, tensors."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


class Stream(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(kit.data(5))


class SizedStream(Stream):
    def __len__(self) -> int:
        return 5


class Indexed:
    def __getitem__(self, index: int) -> Any:
        return list(kit.loader(4))[index]


class Understated:
    """Says that it has two batches, and gives three."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Any:
        return iter(kit.loader(5))


def program(L: Any, out: Path) -> dict[str, Any]:
    makers = {
        "list of batches": lambda: [[batch] for batch in range(3)],
        "list of numbers": lambda: [1, 2, 3],
        "text": lambda: "abc",
        "range": lambda: range(3),
        "generator": lambda: (batch for batch in kit.loader(5)),
        "dataset": lambda: kit.data(3),
        "stream": Stream,
        "stream in a loader": lambda: torch.utils.data.DataLoader(Stream(), batch_size=2),
        "sized stream in a loader": lambda: torch.utils.data.DataLoader(SizedStream(), batch_size=2),
        "indexed": Indexed,
        "understated": Understated,
        "tensor": lambda: torch.arange(6.0).reshape(3, 2),
        "list of tensors": lambda: [torch.arange(3.0), torch.arange(2.0)],
        "list of pairs of tensors": lambda: list(kit.loader(4)),
        "list of dicts of tensors": lambda: [{"x": torch.arange(2.0)}, {"x": torch.arange(3.0)}],
    }
    limits = {
        "all": {},
        "two": {"limit_train_batches": 2, "limit_val_batches": 1},
        "half": {"limit_train_batches": 0.5},
    }
    result = {}

    class Net(kit.module_class(L)):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self(torch.ones(1, 3)).sum()

        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("value", float(batch_idx), batch_size=1)

    for name, make in makers.items():
        for limit, settings in limits.items():
            recorder = kit.Recorder(L, random=False)
            module = recorder.watch(Net, "M")()
            trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()], **settings)
            error = kit.attempt(partial(trainer.fit, module, make(), make()))
            found = {"error": error} if error else kit.summary(trainer, module, recorder)
            found.pop(
                "random", None
            )  # how often a loader of random order is asked for an iterator is nobody's business
            result[f"{name}, {limit}"] = found
    return result
