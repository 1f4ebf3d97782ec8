"""CombinedLoader without a trainer: its modes, collections, limits and what is read of it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

MODES = ("min_size", "max_size_cycle", "max_size", "sequential")
LIMITS = (None, 0, 1, 3, [0, 2], [3, 1], [float("inf"), 1], [1, 2, 3])
Pair = namedtuple("Pair", "x y")


class Stream(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(range(2))


class Indexed:
    def __getitem__(self, index: int) -> int:
        return [10, 20][index]


class Traced:
    def __init__(self, name: str, length: int, trace: list[str]) -> None:
        self.name, self.length, self.trace = name, length, trace

    def __iter__(self) -> Any:
        self.trace.append(f"iter {self.name}")
        return self.batches()

    def batches(self) -> Any:
        for number in range(self.length):
            self.trace.append(f"next {self.name}{number}")
            yield number
        self.trace.append(f"end {self.name}")


class Stateful:
    def __init__(self) -> None:
        self.position = 0

    def __iter__(self) -> Any:
        for self.position in range(1, 4):
            yield self.position

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.position = state["position"]


COLLECTIONS: dict[str, Callable[[], Any]] = {
    "list": lambda: [[1, 2, 3], [10, 20]],
    "tuple": lambda: ([1, 2, 3], (10, 20)),
    "dict": lambda: {"a": range(3), 3: range(2)},
    "nested": lambda: {"a": [range(3), {"k": range(1)}], "b": (range(2),)},
    "ordered": lambda: OrderedDict(b=range(1), a=range(2)),
    "default": lambda: defaultdict(list, a=[1], b=[2, 3]),
    "named": lambda: Pair(range(1), [range(2)]),
    "deque": lambda: deque([range(1), range(2)]),
    "alone": lambda: range(3),
    "numbers": lambda: [1, 2, 3],
    "texts": lambda: ["ab", "cd"],
    "text": lambda: "ab",
    "no loaders inside": lambda: {"a": 1},
    "a text inside": lambda: {"a": "text"},
    "empty": list,
    "one empty": lambda: [[], range(2)],
    "empty inside": lambda: {"a": {"b": []}},
    "not all of them": lambda: [5, [1]],
    "None inside": lambda: [None, [1]],
    "a number": lambda: 5,
    "tensors": lambda: [torch.tensor([1, 2]), torch.tensor([3, 4, 5])],
    "tuples of tensors": lambda: [(torch.tensor([1]), torch.tensor([2]))],
    "a tensor": lambda: torch.tensor([1, 2]),
    "datasets": lambda: [kit.data(2), kit.data(3)],
    "indexed": lambda: [Indexed(), range(3)],
    "loaders": lambda: [torch.utils.data.DataLoader(range(5), 2), torch.utils.data.DataLoader(range(2))],
    "no length": lambda: [torch.utils.data.DataLoader(Stream(), batch_size=None), range(3)],
    "iterators": lambda: [iter([1, 2]), range(3)],
}


def program(L: Any, out: Path) -> dict[str, Any]:
    Combined = kit.combined_loader(L)
    result: dict[str, Any] = {"unknown mode": kit.attempt(partial(Combined, [], "longest"))}
    for mode in MODES:
        found = result[mode] = {}
        for name, make in COLLECTIONS.items():
            combined = Combined(make(), mode)
            found[name] = [len(combined.flattened), kit.attempt(partial(list, combined))]
            if name not in ("a number", "not all of them", "None inside"):
                found[name].append(kit.attempt(partial(len, combined)))
        for limits in LIMITS:
            found[f"limits {limits}"] = kit.attempt(partial(limited, Combined, mode, limits))
        trace: list[str] = []
        list(Combined([Traced("a", 1, trace), Traced("b", 2, trace)], mode))
        found["order"] = trace
    return result | read(Combined)


def limited(Combined: Any, mode: str, limits: Any) -> Any:
    combined = Combined([torch.utils.data.DataLoader(range(5)), torch.utils.data.DataLoader(range(2))], mode)
    combined.limits = limits
    return [combined.limits, len(iter(combined)), list(combined)]


def read(Combined: Any) -> dict[str, Any]:
    given = {"a": torch.utils.data.DataLoader(range(3)), "b": [range(2), range(1)]}
    combined = Combined(given)
    found: dict[str, Any] = {"before iter": [kit.attempt(partial(len, combined)), kit.attempt(partial(next, combined))]}
    found["given"] = [combined.iterables is given, combined.flattened, combined.limits]
    found["samplers"] = [combined.sampler, combined.batch_sampler]
    combined.flattened = [range(1), range(2), range(3)]
    found["replaced"] = [combined.iterables, sorted(given), kit.attempt(lambda: setattr(combined, "flattened", [1]))]
    found["itself"] = iter(combined) is combined
    found["taken"] = next(combined)
    combined.reset()
    found["after reset"] = [kit.attempt(partial(len, combined)), kit.attempt(partial(next, combined))]
    return found
