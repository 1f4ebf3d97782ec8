"""The same few batches again and again, out of loaders with all kinds of samplers; shuffling is turned off."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, SubsetRandomSampler


class Stream(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(kit.data(9))


class Own(DataLoader[Any]):
    def __iter__(self) -> Any:
        return iter([[torch.ones(1, 3), torch.ones(1, 1)]] * 3)


def program(L: Any, out: Path) -> dict[str, Any]:
    data, made = kit.data(9), torch.Generator
    Combined = kit.combined_loader(L)
    makers = {
        "in order": lambda: kit.loader(9),
        "shuffled": lambda: kit.loader(9, shuffle=True),
        "own generator": lambda: kit.loader(9, shuffle=True, generator=made().manual_seed(3), drop_last=True),
        "list as sampler": lambda: DataLoader(data, 2, sampler=[8, 7, 6, 5]),
        "subset": lambda: DataLoader(data, 2, sampler=SubsetRandomSampler([5, 6, 7])),
        "replacement": lambda: DataLoader(data, 2, sampler=RandomSampler(data, replacement=True, num_samples=20)),
        "sequential": lambda: DataLoader(data, 2, sampler=SequentialSampler(range(3))),
        "batch sampler": lambda: DataLoader(data, batch_sampler=BatchSampler(RandomSampler(data), 2, True)),
        "list as batch sampler": lambda: DataLoader(data, batch_sampler=[[8, 7], [6, 5]]),
        "no batching": lambda: DataLoader([tuple(pair) for pair in kit.loader(9)], batch_size=None, shuffle=True),
        "own iterator": lambda: Own(data, shuffle=True),
        "stream": lambda: DataLoader(Stream(), batch_size=2),
        "numbers": lambda: range(3),
        "two": lambda: [kit.loader(9, shuffle=True), kit.loader(5)],
        "combined": lambda: Combined([kit.loader(9, shuffle=True), kit.loader(5, shuffle=True)], "min_size"),
    }
    result: dict[str, Any] = {}

    class Net(kit.module_class(L)):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self(torch.ones(1, 3)).sum()

        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("value", float(batch_idx), batch_size=1)

        def test_step(self, batch: Any, batch_idx: int) -> None:
            self.log("value", float(batch_idx), batch_size=1)

    for name, make in makers.items():
        for amount in (2, 0.5, 1.0, 100):
            recorder = kit.Recorder(L)
            module = recorder.watch(Net, "M")()
            trainer = kit.trainer(L, out, max_epochs=2, overfit_batches=amount, callbacks=[recorder.callback()])
            loaders = make(), make()
            error = kit.attempt(partial(trainer.fit, module, *loaders))
            found = {"error": error} if error else kit.summary(trainer, module, recorder)
            result[f"{name} {amount}"] = found
            if not error and isinstance(loaders[0], DataLoader) and name != "stream":
                found["sampler"] = type(trainer.train_dataloader.sampler).__name__
                found["same"] = [trainer.train_dataloader is loaders[0], trainer.val_dataloaders is loaders[1]]
    recorder = kit.Recorder(L)
    module = recorder.watch(Net, "M")()
    trainer = kit.trainer(L, out, overfit_batches=1, limit_test_batches=2)
    trainer.validate(module, kit.loader(9, shuffle=True), verbose=False)
    trainer.test(module, kit.loader(9, shuffle=True), verbose=False)
    trainer.predict(module, kit.loader(9, shuffle=True))
    result["outside of fit"] = {"trace": recorder.trace}
    for settings in ({"fast_dev_run": 3}, {"limit_train_batches": 5, "limit_val_batches": 0.5}):
        trainer = kit.trainer(L, out, overfit_batches=2, **settings)
        names = ("overfit_batches", *(f"limit_{stage}_batches" for stage in ("train", "val", "test", "predict")))
        result[str(settings)] = [getattr(trainer, name) for name in names]
    return result
