"""Calls of self.log that mean nothing, and some that do: which of them are errors."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

CALLS: dict[str, dict[str, Any]] = {
    "two values": {"value": torch.ones(2)},
    "one value in a vector": {"value": torch.ones(1)},
    "a matrix of one": {"value": torch.ones(1, 1)},
    "text": {"value": "text"},
    "nothing": {"value": None},
    "a list": {"value": [1.0]},
    "a dict": {"value": {"a": 1.0, "b": torch.tensor(2.0)}},
    "a bool": {"value": True},
    "nan": {"value": float("nan")},
    "complex": {"value": 1j},
    "int64": {"value": torch.tensor(2**40)},
    "with a graph": {"value": torch.ones((), requires_grad=True) * 2},
    "an unknown reduction": {"value": 1.0, "reduce_fx": "median"},
    "median": {"value": 1.0, "reduce_fx": torch.median},
    "neither step nor epoch": {"value": 1.0, "on_step": False, "on_epoch": False},
    "a batch size of zero": {"value": 1.0, "batch_size": 0, "on_epoch": True},
    "sync_dist": {"value": 1.0, "sync_dist": True},
    "rank_zero_only": {"value": 1.0, "rank_zero_only": True},
    "enable_graph": {"value": torch.ones((), requires_grad=True) * 2, "enable_graph": True},
    "an empty name": {"name": "", "value": 1.0},
    "a name that is no text": {"name": 3, "value": 1.0},
    "a name like a loader's": {"name": "a/dataloader_idx_0", "value": 1.0},
}


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, arguments in CALLS.items():
        for stage in ("training_step", "validation_step", "on_train_epoch_end"):

            class Calling(kit.module_class(L)):
                pass

            def step(self: Any, *args: Any, stage: str = stage, arguments: Any = arguments, cls: Any = Calling) -> Any:
                self.log(**({"name": "x"} | arguments))
                return getattr(super(cls, self), stage)(*args)

            setattr(Calling, stage, step)
            module = Calling()
            trainer = kit.trainer(L, out, max_epochs=1, num_sanity_val_steps=0)
            error = kit.attempt(partial(trainer.fit, module, kit.loader(3), kit.val_loader(3)))
            found = (
                {} if error else {key: value for key, value in trainer.callback_metrics.items() if "loss" not in key}
            )
            result[f"{name} in {stage}"] = {"error": error, "metrics": found}
    changes = ({"on_epoch": True}, {"prog_bar": True}, {"reduce_fx": "max"}, {"logger": False}, {"batch_size": 3})
    for change in changes:

        class Changing(kit.module_class(L)):
            def training_step(self, batch: Any, batch_idx: int, change: Any = change) -> Any:
                self.log("x", 1.0)
                self.log("x", 2.0, **change)
                return self.loss(batch)

        module = Changing()
        trainer = kit.trainer(L, out, max_epochs=1)
        error = kit.attempt(partial(trainer.fit, module, kit.loader(3)))
        result[f"again with {change}"] = {"error": error, "metrics": {} if error else kit.metrics(trainer)}
    return result
