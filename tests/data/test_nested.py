from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from leyden.data.nested import can_be_iterated, flatten

Pair = namedtuple("Pair", ["x", "y"])
LOADER = DataLoader(TensorDataset(torch.ones(2)))


class Indexed:
    """A map-style dataset: it has no ``__iter__``."""

    def __getitem__(self, index):
        return [10, 20][index]


INDEXED = Indexed()


@pytest.mark.parametrize(
    ("collection", "leaves"),
    [
        ([range(1), range(2)], [range(1), range(2)]),
        (({"a": range(1)}, [range(2), (range(3),)]), [range(1), range(2), range(3)]),
        (Pair(range(1), [range(2)]), [range(1), range(2)]),
        (OrderedDict(b=range(1), a=range(2)), [range(1), range(2)]),
        ({3: range(1), "a": range(2)}, [range(1), range(2)]),
        (deque([range(1), range(2)]), [range(1), range(2)]),
        ([LOADER, INDEXED], [LOADER, INDEXED]),
        ([range(1), 5], [range(1), 5]),
        ([[], range(1)], [[], range(1)]),
    ],
)
def test_a_collection_of_loaders_is_taken_apart_in_order(collection, leaves):
    assert flatten(collection)[0] == leaves


@pytest.mark.parametrize(
    "loader",
    [LOADER, range(3), [1, 2], (1.0,), ["ab", "cd"], {"a": 1}, {"a": "text"}, "text", {1, 2}, [], {}, (), 5, None],
)
def test_what_holds_no_loaders_is_a_loader_itself(loader):
    leaves, build = flatten(loader)
    assert len(leaves) == 1
    assert leaves[0] is loader
    assert build(iter(["batch"])) == "batch"


def test_subclasses_of_containers_are_loaders():
    class Batches(list):
        pass

    batches = Batches([[1], [2]])
    assert flatten(batches)[0] == [batches]


@pytest.mark.parametrize(
    ("collection", "rebuilt"),
    [
        ([range(1), range(1)], [0, 1]),
        ((range(1), [range(1)]), (0, [1])),
        ({"a": range(1), "b": {"c": range(1)}}, {"a": 0, "b": {"c": 1}}),
        (Pair([1], [2]), Pair(0, 1)),
        (OrderedDict(b=[1], a=[2]), OrderedDict(b=0, a=1)),
        (defaultdict(list, a=[1]), defaultdict(list, a=0)),
        (deque([[1], [2]]), deque([0, 1])),
    ],
)
def test_other_leaves_take_the_place_of_the_loaders(collection, rebuilt):
    _, build = flatten(collection)
    built = build(iter([0, 1]))
    assert built == rebuilt
    assert type(built) is type(rebuilt)


def test_a_defaultdict_keeps_its_default():
    _, build = flatten(defaultdict(list, a=[1]))
    assert build(iter([0]))["missing"] == []


@pytest.mark.parametrize(("value", "can"), [([], True), ("text", True), (INDEXED, True), (5, False), (None, False)])
def test_what_for_takes_can_be_iterated(value, can):
    assert can_be_iterated(value) is can
