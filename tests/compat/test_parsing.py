"""Attributes and arguments, as Lightning's helpers find them."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import pytest

from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.compat.parsing import (
    clean_namespace,
    collect_init_args,
    get_init_args,
    is_picklable,
    lightning_getattr,
    lightning_hasattr,
    lightning_setattr,
    parse_class_init_keys,
)


class Model(Module):
    def __init__(self, width=3):
        super().__init__()
        self.save_hyperparameters()


class Data(DataModule):
    def __init__(self, batch_size=4):
        super().__init__()
        self.batch_size = batch_size


def attached(model, datamodule):
    model.trainer = SimpleNamespace(datamodule=datamodule)
    return model


def test_an_attribute_is_found_among_the_hyperparameters_too():
    model = Model(width=5)
    assert lightning_hasattr(model, "width")
    assert lightning_getattr(model, "width") == 5
    model.width = 6
    assert lightning_getattr(model, "width") == 5
    assert not lightning_hasattr(model, "height")


def test_the_data_modules_attribute_goes_before_the_modules():
    model = attached(Model(), Data(batch_size=8))
    model.batch_size = 2
    assert lightning_getattr(model, "batch_size") == 8


def test_an_attribute_is_set_wherever_it_is():
    datamodule = Data()
    model = attached(Model(), datamodule)
    model.batch_size = 2
    model.hparams["batch_size"] = 3
    lightning_setattr(model, "batch_size", 16)
    assert (model.batch_size, model.hparams.batch_size, datamodule.batch_size) == (16, 16, 16)


@pytest.mark.parametrize("use", [lightning_getattr, lambda model, name: lightning_setattr(model, name, 1)])
def test_an_attribute_that_nobody_has_is_an_error_that_names_it(use):
    with pytest.raises(AttributeError, match="'height' is an attribute neither of Model"):
        use(attached(Model(), Data()), "height")


@pytest.mark.parametrize("value", [None, 1, "text", (1, [2.0]), max, Model])
def test_plain_data_and_what_has_a_name_in_a_module_can_be_sent(value):
    assert is_picklable(value)


def test_what_has_no_name_or_holds_a_lock_cannot_be_sent():
    class Local:
        pass

    for value in (lambda: None, Local, Local(), threading.Lock(), (x for x in "ab")):
        assert not is_picklable(value)


def test_a_namespace_is_cleaned_of_what_cannot_be_sent():
    hparams = {"a": 1, "b": lambda: None, "c": "text"}
    clean_namespace(hparams)
    assert hparams == {"a": 1, "c": "text"}


def test_the_names_of_the_special_arguments():
    class Everything:
        def __init__(me, one, *rest, two=2, **more):
            pass

    class Nothing:
        def __init__(self, one):
            pass

    assert parse_class_init_keys(Everything) == ("me", "rest", "more")
    assert parse_class_init_keys(Nothing) == ("self", None, None)


class Parent:
    def __init__(self, one, two=2, **more):
        super().__init__()
        self.look()

    def look(self):
        self.collected = collect_init_args(sys._getframe(), [])
        self.own = get_init_args(sys._getframe(1))


class Child(Parent):
    def __init__(self, one, extra, **more):
        super().__init__(one, **more)


def test_the_arguments_of_every_running_init_are_collected_from_the_inside():
    child = Child("a", "b", two=3, three=4)
    assert child.collected == [{"one": "a", "two": 3, "three": 4}, {"one": "a", "extra": "b", "two": 3, "three": 4}]
    assert child.own == {"one": "a", "two": 3, "three": 4}


def test_outside_of_an_init_there_are_no_arguments():
    child = Child("a", "b")
    child.look()
    assert child.collected == []
    assert child.own == {}
