"""Batches of the program's own types: what is moved to the device, and what a step and the hooks get."""

from __future__ import annotations

from collections import ChainMap, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import torch
from tests.parity import toolkit as kit
from torch.nn.utils.rnn import pack_sequence

Pair = namedtuple("Pair", "x y")


class Bag(list[Any]):
    pass


class Record(dict[str, Any]):
    pass


class Triple(tuple[Any, ...]):
    pass


class View(Mapping[str, Any]):
    def __init__(self, items: Any) -> None:
        self.items_of_it = dict(items)

    def __getitem__(self, key: str) -> Any:
        return self.items_of_it[key]

    def __iter__(self) -> Any:
        return iter(self.items_of_it)

    def __len__(self) -> int:
        return len(self.items_of_it)


class Column(Sequence[Any]):
    def __init__(self, items: Any) -> None:
        self.items_of_it = list(items)

    def __getitem__(self, index: Any) -> Any:
        return self.items_of_it[index]

    def __len__(self) -> int:
        return len(self.items_of_it)


@dataclass
class Sample:
    x: Any
    name: str = "a"
    seen: Any = field(default=None, init=False)


class Movable:
    def __init__(self, x: Any) -> None:
        self.x = x

    def to(self, device: Any, **more: Any) -> Any:
        return Movable(self.x.to(device))


class InPlace(Movable):
    def to(self, device: Any, **more: Any) -> None:
        self.x = self.x.to(device)


@dataclass
class OwnWay(Sample):
    def to(self, device: Any, **more: Any) -> Any:
        return self


def where(value: Any) -> Any:
    """The devices of what a batch holds, in its structure."""
    if isinstance(value, torch.Tensor):
        return value.device.type
    if isinstance(value, Mapping):
        return [type(value).__name__, {key: where(item) for key, item in value.items()}]
    if isinstance(value, list | tuple | deque | UserList | Column):
        return [type(value).__name__, [where(item) for item in value]]
    if isinstance(value, Sample | Movable | SimpleNamespace):
        return [type(value).__name__, where(value.x)]
    return value


def program(L: Any, out: Path) -> dict[str, Any]:
    x = torch.ones(2, 3)
    kinds = {
        "list": lambda: [x, "text", 3],
        "tuple": lambda: (x, [x, None]),
        "named": lambda: Pair(x, {"x": x}),
        "ordered": lambda: OrderedDict(b=x, a=[x]),
        "default": lambda: defaultdict(list, x=[x]),
        "bag": lambda: Bag([x, [x]]),
        "record": lambda: Record(x=x),
        "triple": lambda: Triple([x, x]),
        "view": lambda: View({"x": x}),
        "column": lambda: Column([x]),
        "deque": lambda: deque([x]),
        "user dict": lambda: UserDict(x=x),
        "user list": lambda: UserList([x]),
        "chain": lambda: ChainMap({"x": x}),
        "proxy": lambda: MappingProxyType({"x": x}),
        "dataclass": lambda: Sample([x]),
        "dataclass that moves itself": lambda: OwnWay(x),
        "movable": lambda: Movable(x),
        "movable inside": lambda: [Movable(x), {"a": InPlace(x)}],
        "in place": lambda: InPlace(x),
        "namespace": lambda: SimpleNamespace(x=x),
        "packed": lambda: pack_sequence([torch.zeros(2), torch.zeros(1)]),
        "text": lambda: "text",
    }
    result: dict[str, Any] = {}
    for name, make in kinds.items():
        moved = L.LightningDataModule().transfer_batch_to_device(make(), torch.device("meta"), 0)
        result[name] = where(moved)

    class Net(kit.module_class(L)):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            recorder.note(f"a step with {type(batch).__name__} {where(batch)}")
            return self(x).sum()

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("value", float(batch_idx), batch_size=1)

        def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
            if isinstance(batch, SimpleNamespace):
                batch.x = batch.x.to(device)
                return batch
            return super().transfer_batch_to_device(batch, device, dataloader_idx)

    for name in ("record", "movable inside", "in place", "namespace", "named", "dataclass", "packed"):
        recorder = kit.Recorder(L)
        module = recorder.watch(Net, "M")()
        trainer = kit.trainer(L, out, max_epochs=1, callbacks=[recorder.callback()])
        batches = torch.utils.data.DataLoader(range(2), batch_size=None, collate_fn=lambda _, name=name: kinds[name]())
        trainer.fit(module, batches, batches)
        result[f"fit {name}"] = kit.summary(trainer, module, recorder)
    return result
