"""Objects, classes and functions among the hyperparameters: what comes back from a checkpoint, and what is shared."""

from __future__ import annotations

import enum
import functools
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tests.parity import toolkit as kit


class Margin:
    def __init__(self, margin: float) -> None:
        self.margin = margin
        self.seen: list[Any] = []

    def __call__(self, value: float) -> float:
        return value - self.margin


@dataclass(frozen=True)
class Frozen:
    name: str
    sizes: tuple[int, ...]


class Pair(NamedTuple):
    left: Any
    right: Any


class Table(dict[str, int]):
    origin = "nowhere"


class Mode(enum.Enum):
    FAST = "f"


def scaled(value: float, by: float) -> float:
    return value * by


def program(L: Any, out: Path) -> dict[str, Any]:
    base = kit.module_class(L)

    class Model(base):
        def __init__(self, lr: float, **parts: Any) -> None:
            super().__init__(lr)
            self.save_hyperparameters()
            self.parts = parts

    table = Table(a=1)
    table.origin = "here"
    margin, other = Margin(0.5), Margin(1.5)
    margin.seen, other.seen = [other, table], [margin]
    parts = {
        "margin": margin,
        "frozen": Frozen("x", (1, 2)),
        "pair": Pair(Mode.FAST, [1]),
        "table": table,
        "kinds": [Margin, torch.optim.Adam, int],
        "functions": {"own": scaled, "torch": torch.tanh, "relu": torch.nn.functional.relu},
        "partial": functools.partial(scaled, by=3.0),
        "cell": torch.nn.LSTM(2, 3),
        "loss": torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0])),
        "ordered": OrderedDict(b=1, a=2),
    }
    trainer = kit.trainer(L, out, max_epochs=1)
    trainer.fit(Model(0.1, **parts), kit.loader())
    trainer.save_checkpoint(out / "a.ckpt")
    got = Model.load_from_checkpoint(out / "a.ckpt", weights_only=False).parts
    given = torch.ones(2, 1, 2)
    return {
        "names": sorted(got),
        "types": {name: type(value).__name__ for name, value in got.items()},
        "margin": [got["margin"](2.0), got["margin"].seen[0].margin, got["margin"].seen[0].seen[0] is got["margin"]],
        "frozen": got["frozen"] == parts["frozen"],
        "pair": [got["pair"] == parts["pair"], got["pair"].left is Mode.FAST],
        "table": [dict(got["table"]), got["table"].origin],
        "kinds": got["kinds"] == parts["kinds"],
        "functions": got["functions"] == parts["functions"],
        "partial": got["partial"](2.0),
        "cell": torch.equal(got["cell"](given)[0], parts["cell"](given)[0]),
        "loss": got["loss"].weight.tolist(),
        "ordered": list(got["ordered"].items()),
    }
