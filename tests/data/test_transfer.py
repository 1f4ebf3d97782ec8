from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field

import pytest
import torch

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


def test_subclasses_of_containers_are_passed_through_rather_than_rebuilt_as_something_else():
    class Bag(list):
        pass

    bag = Bag([torch.zeros(1)])
    assert move_to_device(bag, META) is bag


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


def test_casting_does_not_ask_other_objects_to_move():
    movable = Movable(torch.zeros(1))
    assert cast_floating([movable], torch.float64)[0] is movable


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
