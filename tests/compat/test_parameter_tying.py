"""Parameters that several parts share."""

from __future__ import annotations

from torch import nn

from leyden.compat.parameter_tying import find_shared_parameters, set_shared_parameters


def tied():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model[2].bias = model[0].bias
    return model


def test_what_is_one_object_under_several_names_is_found():
    assert find_shared_parameters(tied()) == [["0.weight", "1.weight"], ["0.bias", "2.bias"]]


def test_a_part_that_stands_twice_shares_all_it_has():
    layer = nn.Linear(2, 2, bias=False)
    assert find_shared_parameters(nn.Sequential(layer, nn.ReLU(), layer)) == [["0.weight", "2.weight"]]


def test_a_model_without_shared_parameters_has_none():
    assert find_shared_parameters(nn.Linear(2, 2)) == []


def test_parameters_that_came_apart_are_one_again():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    assert set_shared_parameters(model, [["0.weight", "1.weight"], ["0.bias", "2.bias"]]) is model
    assert model[0].weight is model[1].weight
    assert model[0].bias is model[2].bias
    assert find_shared_parameters(model) == find_shared_parameters(tied())
