from __future__ import annotations

import copy
import pickle

import pytest

from leyden.core.attribute_dict import AttributeDict


def test_items_are_attributes_and_attributes_are_items():
    params = AttributeDict({"lr": 0.1}, depth=2)
    params.width = 3
    del params.depth
    assert (params, params.lr, params["width"]) == ({"lr": 0.1, "width": 3}, 0.1, 3)


def test_an_item_that_is_missing_is_a_missing_attribute():
    params = AttributeDict(lr=0.1)
    assert not hasattr(params, "depth")
    with pytest.raises(AttributeError, match="no 'depth' here, only 'lr'"):
        _ = params.depth
    with pytest.raises(AttributeError, match="no 'depth' to delete"):
        del params.depth
    with pytest.raises(AttributeError, match="no 'depth' here, nor anything else.*save_hyperparameters"):
        _ = AttributeDict().depth


def test_methods_of_a_dictionary_stay_methods():
    params = AttributeDict()
    params.items = 3
    assert params["items"] == 3
    assert [*params.items()] == [("items", 3)]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda params: pickle.loads(pickle.dumps(params))])
def test_a_copy_is_of_the_same_type_and_stands_alone(copied):
    params = AttributeDict(lr=0.1, inner=AttributeDict(depth=[2]))
    other = copied(params)
    assert (type(other), type(other.inner), other) == (AttributeDict, AttributeDict, params)
    other.lr = 1
    assert params.lr == 0.1


def test_the_values_stand_in_a_column_sorted_by_name():
    assert repr(AttributeDict(depth=2, b="x")) == '"b":     x\n"depth": 2'
    assert repr(AttributeDict()) == ""
