from __future__ import annotations

from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from leyden.data.transfer import cast_floating, map_leaves, move_to_device

META = torch.device("meta")
Pair = namedtuple("Pair", ["x", "y"])


@dataclass
class Sample:
    x: torch.Tensor
    name: str = "a"
    seen: list = field(default_factory=list, init=False)


@dataclass(frozen=True)
class Frozen:
    x: torch.Tensor


@dataclass
class Movable:
    x: torch.Tensor

    def to(self, device):
        return f"moved to {device}"


def tensors(count):
    return [torch.zeros(2) for _ in range(count)]


@pytest.mark.parametrize("make", [tuple, list])
def test_sequences_keep_their_type_and_order(make):
    x, y = tensors(2)
    moved = move_to_device(make([x, "text", make([y, 3])]), META)
    assert type(moved) is make
    assert type(moved[2]) is make
    assert (moved[0].device, moved[1], moved[2][0].device, moved[2][1]) == (META, "text", META, 3)


def test_a_named_tuple_keeps_its_type():
    x, y = tensors(2)
    moved = move_to_device(Pair(x, {"y": y}), META)
    assert type(moved) is Pair
    assert (moved.x.device, moved.y["y"].device) == (META, META)


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_dictionaries_keep_their_type_keys_and_order(kind):
    moved = move_to_device(kind(b=torch.zeros(1), a=[torch.zeros(1)], n=None), META)
    assert (type(moved), list(moved)) == (kind, ["b", "a", "n"])
    assert (moved["b"].device, moved["a"][0].device, moved["n"]) == (META, META, None)


def test_a_defaultdict_keeps_its_default():
    batch = defaultdict(list, {"x": torch.zeros(1)})
    moved = move_to_device(batch, META)
    assert (type(moved), moved["x"].device, moved["missing"]) == (defaultdict, META, [])


def test_the_fields_of_a_dataclass_are_moved_those_that_init_does_not_take_too():
    sample = Sample(torch.zeros(1))
    sample.seen.append(torch.zeros(1))
    moved = move_to_device(sample, META)
    assert (type(moved), moved.x.device, moved.name, moved.seen[0].device) == (Sample, META, "a", META)
    assert sample.x.device.type == "cpu"


def test_a_frozen_dataclass_is_copied():
    frozen = Frozen(torch.zeros(1))
    assert move_to_device(frozen, META).x.device == META
    assert frozen.x.device.type == "cpu"


def test_what_knows_how_to_move_itself_is_asked_to():
    assert move_to_device([Movable(torch.zeros(1))], META) == ["moved to meta"]
    module = torch.nn.Linear(1, 1)
    assert move_to_device(module, META) is module
    assert module.weight.device == META


@pytest.mark.parametrize("leaf", [None, 3, "text", b"bytes", {1, 2}, range(3), object(), Sample])
def test_what_cannot_move_is_passed_through_as_it_is(leaf):
    assert move_to_device(leaf, META) is leaf
    assert move_to_device({"leaf": leaf}, META)["leaf"] is leaf


class Bag(list):
    pass


class Triple(tuple):
    pass


class Record(dict):
    """Its constructor wants more than a dictionary's."""

    def __init__(self, source, **items):
        super().__init__(items)
        self.source = source


class View(Mapping):
    def __init__(self, items):
        self.items_of_it = dict(items)

    def __getitem__(self, key):
        return self.items_of_it[key]

    def __iter__(self):
        return iter(self.items_of_it)

    def __len__(self):
        return len(self.items_of_it)


class Column(Sequence):
    def __init__(self, items):
        self.items_of_it = list(items)

    def __getitem__(self, index):
        return self.items_of_it[index]

    def __len__(self):
        return len(self.items_of_it)


@pytest.mark.parametrize("kind", [Bag, Triple, deque, UserList, Column])
def test_sequences_of_every_type_are_moved_and_keep_it(kind):
    x = torch.zeros(1)
    batch = kind([x, "text"])
    moved = move_to_device(batch, META)
    assert (type(moved), moved[0].device, moved[1]) == (kind, META, "text")
    assert batch[0] is x


@pytest.mark.parametrize("make", [UserDict, ChainMap, View, partial(Record, "here"), MappingProxyType])
def test_mappings_of_every_type_are_moved_and_keep_it(make):
    x = torch.zeros(1)
    batch = make(x=x) if isinstance(make, partial) else make({"x": x})
    moved = move_to_device(batch, META)
    assert (type(moved), moved["x"].device) == (type(batch), META)
    assert batch["x"] is x


def test_what_else_a_container_holds_is_kept():
    marked = Triple([torch.zeros(1)])
    marked.source = "here"
    for batch in (marked, Record("here", x=torch.zeros(1))):
        assert move_to_device(batch, META).source == "here"


def test_a_container_in_which_nothing_moves_is_the_same_object():
    for batch in (Bag([1, 2]), Triple(["a"]), Record("here", n=1), torch.Size([1, 2]), Counter(a=1)):
        assert move_to_device(batch, META) is batch


def test_what_moves_in_place_and_answers_nothing_is_kept():
    class InPlace:
        def __init__(self):
            self.x = torch.zeros(1)

        def to(self, device):
            self.x = self.x.to(device)

    batch = InPlace()
    assert move_to_device([batch], META)[0] is batch
    assert batch.x.device == META


def test_a_container_that_knows_how_to_move_itself_is_asked_to():
    packed = pack_sequence([torch.zeros(2), torch.zeros(1)])
    moved = move_to_device(packed, META)
    assert (moved.data.device, moved.batch_sizes.device.type) == (META, "cpu")  # as torch wants it


def test_a_tensor_that_is_there_already_is_the_same_object():
    x = torch.zeros(2)
    assert move_to_device([x], torch.device("cpu"))[0] is x


def test_a_parameter_that_requires_gradients_keeps_its_graph():
    weight = torch.nn.Parameter(torch.ones(1))
    assert move_to_device((weight,), torch.device("cpu"))[0] is weight


def test_casting_changes_floating_point_tensors_alone():
    batch = {"x": torch.zeros(1), "label": torch.zeros(1, dtype=torch.long), "mask": torch.ones(1, dtype=torch.bool)}
    cast = cast_floating([batch, "text"], torch.float64)
    assert [tensor.dtype for tensor in cast[0].values()] == [torch.float64, torch.long, torch.bool]
    assert cast[1] == "text"
    assert batch["x"].dtype == torch.float32


def test_casting_does_not_ask_objects_to_move():
    cast = cast_floating([Movable(torch.zeros(1)), torch.nn.Linear(1, 1)], torch.float64)
    assert isinstance(cast[0], Movable)
    assert (cast[0].x.dtype, cast[1].weight.dtype) == (torch.float64, torch.float32)


def test_leaves_are_visited_once_each_in_order():
    visited = []
    map_leaves(
        [torch.tensor(1), ("a", {"b": torch.tensor(2)}), "c"], lambda t: visited.append(t.item()), visited.append
    )
    assert visited == [1, "a", 2, "c"]


def test_a_list_of_tensors_that_are_there_already_is_a_list_of_its_own():
    batch = [torch.zeros(1), torch.ones(1)]
    moved = move_to_device(batch, torch.device("cpu"))
    assert moved is not batch
    assert all(here is there for here, there in zip(moved, batch, strict=True))
