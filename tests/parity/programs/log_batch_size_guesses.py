"""The batch size that weights an epoch's mean, guessed from batches of many shapes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

SHAPES = {
    "tensor": lambda n: torch.ones(n, 3),
    "tuple": lambda n: (torch.ones(n, 3), torch.ones(n)),
    "dict": lambda n: {"x": torch.ones(n, 3), "y": torch.ones(n)},
    "nested": lambda n: {"a": {"b": [torch.ones(n, 2), torch.ones(n)]}, "label": "text"},
    "text first": lambda n: {"label": ["a"] * n, "x": torch.ones(n, 3)},
    "different": lambda n: (torch.ones(n + 3, 3), torch.ones(n, 3)),
    "scalar": lambda n: (torch.tensor(1.0), torch.ones(n, 3)),
    "strings": lambda n: ["a"] * n,
}


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name, make in SHAPES.items():

        class Weighing(kit.module_class(L)):
            def validation_step(self, batch: Any, batch_idx: int) -> None:
                self.log("value", float(batch_idx * batch_idx))

        class Batches:
            def __iter__(self, make: Any = make) -> Any:
                return iter([make(n) for n in (2, 5, 1)])

        trainer = kit.trainer(L, out)
        result[name] = kit.attempt(partial(trainer.validate, Weighing(), Batches(), verbose=False))
    return result
