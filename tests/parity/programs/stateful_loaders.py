"""Loaders that keep their own position: where it stands in a checkpoint, and where a run goes on from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


class Stateful:
    """Goes on where it was told to, once; every other iteration begins."""

    def __init__(self, samples: int, told: list[str]) -> None:
        self.batches = list(kit.loader(samples))
        self.position = self.begin_at = 0
        self.told = told

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Any:
        begin_at, self.begin_at = self.begin_at, 0
        return self.batches_from(begin_at)

    def batches_from(self, begin_at: int) -> Any:
        for number in range(begin_at, len(self.batches)):
            self.position = number + 1
            yield self.batches[number]

    def state_dict(self) -> dict[str, Any]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.told.append(f"loads {state}")
        self.begin_at = state["position"]


def program(L: Any, out: Path) -> dict[str, Any]:
    told: list[str] = []
    makers = {
        "alone": lambda: Stateful(9, told),
        "two": lambda: [Stateful(9, told), Stateful(9, told)],
        "beside one without": lambda: {"a": Stateful(9, told), "b": [[batch] for batch in kit.loader(9)]},
        "none": lambda: kit.loader(9),
    }
    result: dict[str, Any] = {}

    class Net(kit.module_class(L)):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            batch = batch["a"] if isinstance(batch, dict) else batch
            pairs = batch if isinstance(batch[0], list) else [batch]
            return sum(self.loss(pair) for pair in pairs)

    for name, make in makers.items():
        torch.manual_seed(1)
        module = Net()
        saver = saver_class(L, out / f"{name}.ckpt")()
        trainer = kit.trainer(L, out, max_epochs=3, callbacks=[saver])
        trainer.fit(module, make())
        result[f"{name} saved"], result[f"{name} whole"] = saver.seen, kit.weights(module)
        if name == "none":
            continue
        recorder = kit.Recorder(L, random=False)
        module = recorder.watch(Net, "M")()
        trainer = kit.trainer(L, out, max_epochs=3, callbacks=[recorder.callback()])
        trainer.fit(module, make(), ckpt_path=out / f"{name}.ckpt")
        result[name] = {"told": list(told), "counters": kit.counters(trainer)}
        result[name]["resumed"] = kit.weights(module)
        if name != "beside one without":  # the other one begins again in one framework
            result[name]["trace"] = recorder.trace
        told.clear()
    return result


def saver_class(L: Any, path: Path) -> Any:
    class Saver(L.Callback):
        seen: Any = None

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if trainer.global_step == 7:
                trainer.save_checkpoint(path)

        def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Any) -> None:
            self.seen = checkpoint["loops"]["fit_loop"]["state_dict"]

    return Saver
