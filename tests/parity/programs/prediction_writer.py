"""BasePredictionWriter: when predictions are written, with which indices, and what is kept of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

DIFFERS = {
    "a sampler of batches in random order*": "Lightning puts the loader's own sampler into a batch sampler given to it",
}


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([(torch.full((3,), float(i)), torch.ones(1)) for i in range(5)])


class Pairs:
    """A batch sampler of the program's own."""

    def __iter__(self) -> Any:
        yield [0, 3]
        yield [1]

    def __len__(self) -> int:
        return 2


def batches_by(sampler: Any) -> Any:
    return DataLoader(kit.data(5), batch_sampler=BatchSampler(sampler, 2, drop_last=False))


LOADERS: dict[str, Any] = {
    "plain": lambda: kit.loader(5),
    "shuffled": lambda: kit.loader(5, shuffle=True),
    "drop last": lambda: kit.loader(5, drop_last=True),
    "two": lambda: [kit.loader(5), kit.loader(3)],
    "a stream": lambda: DataLoader(Stream(), batch_size=2),
    "ready-made batches": lambda: DataLoader(list(kit.loader(5)), batch_size=None),
    "a batch sampler": lambda: batches_by(SequentialSampler(range(5))),
    "a batch sampler of one's own": lambda: DataLoader(kit.data(5), batch_sampler=Pairs()),
    "a sampler of batches in random order": lambda: batches_by([4, 2, 0, 1, 3]),
    "workers": lambda: kit.loader(7, shuffle=True, num_workers=2),
}


def program(L: Any, out: Path) -> dict[str, Any]:
    class Predicting(kit.module_class(L)):
        def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
            return self(batch[0])

    result: dict[str, Any] = {}
    cases = [(name, "batch_and_epoch", True, {}) for name in LOADERS]
    cases += [("plain", interval, kept, {}) for interval in ("batch", "epoch") for kept in (True, False)]
    cases += [("plain", "batch_and_epoch", True, {"limit_predict_batches": 2})]
    cases += [("two", "batch_and_epoch", True, {"limit_predict_batches": 1})]
    for name, interval, kept, settings in cases:
        written: list[Any] = []

        class Writer(L.callbacks.BasePredictionWriter):
            def write_on_batch_end(
                self,
                trainer: Any,
                pl_module: Any,
                prediction: Any,
                batch_indices: Any,
                batch: Any,
                batch_idx: int,
                dataloader_idx: int,
                written: list[Any] = written,
            ) -> None:
                place = [list(batch_indices), batch_idx, dataloader_idx]
                written.append(["batch", prediction.clone(), kit.describe(batch), *place])

            def write_on_epoch_end(
                self, trainer: Any, pl_module: Any, predictions: Any, batch_indices: Any, written: list[Any] = written
            ) -> None:
                written.append(["epoch", predictions, batch_indices])

        torch.manual_seed(3)
        module, writer = Predicting(), Writer(interval)
        trainer = kit.trainer(L, out, callbacks=[writer], **settings)
        answer = trainer.predict(module, LOADERS[name](), return_predictions=kept)
        random = kit.digest(torch.get_rng_state())
        more = {"sizes": trainer.num_predict_batches, "interval": writer.interval.value, "random": random}
        result[", ".join(map(str, (name, interval, kept, *settings)))] = {"written": written, "answer": answer} | more
    result["unknown"] = kit.attempt(lambda: L.callbacks.BasePredictionWriter("step"))
    return result
