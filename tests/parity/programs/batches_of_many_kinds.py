"""Batches that are dicts, tuples, named tuples, nested, objects and bare tensors."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

Pair = namedtuple("Pair", "x y")


@dataclass
class Sample:
    x: torch.Tensor
    y: torch.Tensor


class Opaque:
    def __init__(self, x: torch.Tensor) -> None:
        self.x = x


def program(L: Any, out: Path) -> dict[str, Any]:
    x, y = torch.ones(4, 3), torch.zeros(4, 1)
    kinds = {
        "tensor": x,
        "list": [x, y],
        "tuple": (x, y),
        "dict": {"x": x, "y": y},
        "ordered": OrderedDict(x=x, y=y),
        "named tuple": Pair(x, y),
        "nested": {"a": [x, {"b": (y, "text", 3)}]},
        "dataclass": Sample(x, y),
        "opaque": Opaque(x),
    }
    result = {}

    def first(value: Any) -> torch.Tensor:
        while not isinstance(value, torch.Tensor):
            if isinstance(value, dict):
                value = next(iter(value.values()))
            else:
                value = value[0] if isinstance(value, list | tuple) else value.x
        return value

    class Batches:
        def __init__(self, batch: Any) -> None:
            self.batch = batch

        def __len__(self) -> int:
            return 2

        def __iter__(self) -> Any:
            return iter([self.batch, self.batch])

    for name, batch in kinds.items():
        recorder = kit.Recorder(L)

        class Any_(kit.module_class(L)):
            def training_step(self, batch: Any) -> Any:
                return self(first(batch)).square().mean()

            def validation_step(self, batch: Any) -> None:
                self.log("value", self(first(batch)).mean(), batch_size=4)

            def predict_step(self, batch: Any) -> Any:
                return type(batch).__name__

        module = recorder.watch(Any_, "M")()
        trainer = kit.trainer(L, out, max_epochs=1, callbacks=[recorder.callback()])
        trainer.fit(module, Batches(batch), Batches(batch))
        result[name] = kit.summary(trainer, module, recorder, predicted=trainer.predict(module, Batches(batch)))
    return result
