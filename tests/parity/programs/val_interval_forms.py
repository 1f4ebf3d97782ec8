"""Every way to say when to validate, with loaders that know their length and with one that does not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


class Stream(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(kit.data(9))


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}

    class Net(kit.module_class(L)):
        ends_first = False

        def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
            return -1 if self.ends_first and self.current_epoch == 0 and batch_idx == 1 else None

    for sized in (True, False):
        for interval in (None, 1, 2, 5, 7, 1.0, 0.5, 0.25, 0.1, 5.0):
            for epochs in (1, 2, None):
                for more in ({}, {"limit_train_batches": 3}, {"ends_first": True}, {"limit_val_batches": 0}):
                    if not sized and (more.get("ends_first") or (more and isinstance(interval, float))):
                        continue
                    if epochs is None and interval == 5.0:  # a whole number, of which one framework sees the type
                        continue
                    recorder = kit.Recorder(L, random=False)
                    module = recorder.watch(Net, "M", only=("training_step", "validation_step"))()
                    module.ends_first = more.get("ends_first", False)
                    settings = {name: value for name, value in more.items() if name != "ends_first"}
                    settings |= {"val_check_interval": interval, "check_val_every_n_epoch": epochs}
                    case = f"{'sized' if sized else 'stream'} {interval!r} {epochs} {more}"
                    loader = kit.loader(9) if sized else torch.utils.data.DataLoader(Stream(), batch_size=2)

                    def run(settings: Any, module: Any, loader: Any) -> Any:
                        trainer = kit.trainer(L, out, max_epochs=3, num_sanity_val_steps=0, **settings)
                        trainer.fit(module, loader, kit.val_loader(1))
                        return trainer.val_check_batch, kit.counters(trainer)

                    answer = kit.attempt(partial(run, settings, module, loader))
                    result[case] = [answer, recorder.trace if answer != "an error" else None]
    return result
