"""Loaders to evaluate in dicts, tuples and nestings, alone in a list, and lists that are no collection of loaders."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    val = kit.val_loader
    collections = {
        "dict": lambda: {"a": val(), "b": val(3)},
        "tuple": lambda: (val(), val(3)),
        "nested": lambda: {"x": [val(1), val(3)], "y": val(2)},
        "one in a list": lambda: [val()],
        "one in a dict": lambda: {"a": val()},
        "a list of batches": lambda: [1, 2],
        "a list of pairs": lambda: list(val()),
        "a list of tensors": lambda: [torch.ones(2, 3), torch.zeros(3, 3)],
        "an empty list": list,
        "all empty": lambda: [kit.loader(0), kit.loader(0)],
        "one empty": lambda: [kit.loader(0), val()],
        "a number": lambda: 5,
        "a number inside": lambda: [5, val()],
        "None": lambda: None,
    }
    result = {}
    for name, make in collections.items():
        recorder = kit.Recorder(L)

        class Net(kit.module_class(L)):
            def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
                self.log("value", batch_idx + 10.0 * dataloader_idx, batch_size=1)

            def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
                return dataloader_idx, batch_idx, batch

        module = recorder.watch(Net, "M")()
        trainer = kit.trainer(L, out, callbacks=[recorder.callback()])
        validated = kit.attempt(partial(trainer.validate, module, make(), verbose=False))
        result[name] = {"validated": validated}
        if validated == "an error":
            result[name]["predicted"] = kit.attempt(partial(trainer.predict, module, make()))
            continue
        result[name] |= {"batches": trainer.num_val_batches, "shown": type(trainer.val_dataloaders).__name__}
        result[name]["predicted"] = trainer.predict(module, make())
        result[name]["to predict"] = [trainer.num_predict_batches, type(trainer.predict_dataloaders).__name__]
        result[name]["trace"] = recorder.trace
    return result
