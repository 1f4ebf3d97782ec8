"""A run saved between two batches and continued: counters, hooks and weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

DIFFERS = {
    "continued*.random": "a resume goes on with the random numbers of the save, not with those that happen to be there",
}


class Remembering:
    """Batches that know where they are, as a stateful loader does."""

    def __init__(self) -> None:
        self.done = 0

    def __iter__(self) -> Any:
        batches = list(kit.loader())
        for index in range(self.done, len(batches)):
            self.done = (index + 1) % len(batches)
            yield batches[index]

    def __len__(self) -> int:
        return 7

    def state_dict(self) -> dict[str, int]:
        return {"done": self.done}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.done = state_dict["done"]


def program(L: Any, out: Path) -> dict[str, Any]:
    def run(epochs: int, path: Any = None, save_at: tuple[int, int] | None = None, **more: Any) -> dict[str, Any]:
        torch.manual_seed(5)
        recorder = kit.Recorder(L, random=path is None)

        def save(self: Any, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if (trainer.current_epoch, batch_idx) == save_at:
                trainer.save_checkpoint(out / "middle.ckpt")

        module = recorder.watch(kit.module_class(L), "M")()
        callbacks = [recorder.callback(), type("Saver", (L.Callback,), {"on_train_batch_end": save})()]
        trainer = kit.trainer(L, out, max_epochs=epochs, callbacks=callbacks, **more)
        trainer.fit(module, Remembering(), kit.val_loader(), ckpt_path=path)
        return kit.summary(trainer, module, recorder)

    result = {"whole": run(2, save_at=(1, 2)), "continued": run(2, out / "middle.ckpt")}
    result["whole, interval"] = run(2, save_at=(1, 4), val_check_interval=3)
    result["continued, interval"] = run(2, out / "middle.ckpt", val_check_interval=3)
    result["whole, windows"] = run(2, save_at=(1, 3), accumulate_grad_batches=2)
    result["continued, windows"] = run(2, out / "middle.ckpt", accumulate_grad_batches=2)
    return result
