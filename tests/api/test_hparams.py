"""Where a test gives the value that pytorch-lightning 2.6.6 gives, it was measured by running both."""

from __future__ import annotations

import argparse
import collections
import copy
import dataclasses
import enum
import functools
import inspect
import pickle
import types
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from leyden.api.datamodule import DataModule
from leyden.api.hparams import (
    Hyperparameters,
    hyperparameters_for_checkpoint,
    hyperparameters_to_log,
    unencodable,
)
from leyden.api.module import Module
from leyden.core.attribute_dict import AttributeDict
from leyden.core.warnings import LeydenWarning
from leyden.errors import HparamsError
from leyden.security.redact import Secret


class Plain(Module):
    def __init__(self, a, b=2, *args, c=3, d=4, **kwargs):
        super().__init__()
        self.save_hyperparameters()


def saving(*args, **kwargs):
    """A class that keeps its arguments a, b and more by a call with these arguments."""

    class Saving(Module):
        def __init__(self, a=1, b=2, **more):
            super().__init__()
            self.save_hyperparameters(*args, **kwargs)

    return Saving


class Given(Hyperparameters):
    def __init__(self, conf, b=2):
        self.save_hyperparameters(conf)


def test_all_arguments_are_kept_with_their_defaults():
    assert Plain(1).hparams == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_extra_keywords_are_kept_by_name_and_extra_positions_are_not():
    assert Plain(1, 5, 6, 7, c=8, e=9).hparams == {"a": 1, "b": 5, "c": 8, "d": 4, "e": 9}


def test_hyperparameters_are_attributes_and_items():
    model = Plain(1)
    assert (model.hparams.a, model.hparams["b"], type(model.hparams)) == (1, 2, AttributeDict)


def test_only_the_names_that_are_given_are_kept():
    assert saving("a")(3, b=4, c=5).hparams == {"a": 3}
    assert saving("c", "a")(3, b=4, c=5).hparams == {"a": 3, "c": 5}


def test_a_name_that_is_no_argument_is_an_error_that_names_it():
    with pytest.raises(
        HparamsError, match=r"Saving.__init__ has no argument 'nope' to keep here. It has 'a', 'b', 'c'"
    ):
        saving("a", "nope")(c=1)


def test_a_name_that_is_also_ignored_is_an_error():
    with pytest.raises(HparamsError, match="no argument 'a'"):
        saving("a", "b", ignore="a")()


@pytest.mark.parametrize("ignore", ["a", ["a"], ("a",), {"a"}, {"a": 0}, (name for name in ["a"])])
def test_ignored_names_are_left_out(ignore):
    assert saving(ignore=ignore)(1, c=3).hparams == {"b": 2, "c": 3}


@pytest.mark.parametrize("ignore", [None, "", [], "unknown"])
def test_ignoring_nothing_keeps_all(ignore):
    assert saving(ignore=ignore)(1).hparams == {"a": 1, "b": 2}


def test_ignoring_all_keeps_nothing():
    assert saving(ignore=["a", "b"])().hparams == {}


def test_what_cannot_be_names_to_ignore_is_refused():
    with pytest.raises(HparamsError, match="ignore=3"):
        saving(ignore=3)()


@pytest.mark.parametrize(
    "conf",
    [{"x": 1}, argparse.Namespace(x=1), collections.OrderedDict(x=1), AttributeDict(x=1)],
    ids=lambda conf: type(conf).__name__,
)
def test_the_items_of_a_mapping_are_kept_instead_of_the_arguments(conf):
    model = Given(conf)
    assert (type(model.hparams), model.hparams) == (AttributeDict, {"x": 1})


def test_a_configuration_object_stays_what_it_is():
    conf = collections.UserDict(x=1)
    assert Given(conf).hparams is conf


def test_names_beside_a_mapping_do_not_count():
    class Both(Hyperparameters):
        def __init__(self, conf, b=1):
            self.save_hyperparameters("b", conf)

    assert Both({"x": 1}).hparams == {"x": 1}


@pytest.mark.parametrize("conf", [None, {}, False, 0])
def test_an_empty_configuration_keeps_nothing(conf):
    assert Given(conf).hparams == {}


@dataclasses.dataclass
class Conf:
    x: int = 1


@pytest.mark.parametrize(
    "conf",
    [
        3,
        0.5,
        True,
        [1],
        (1,),
        {1},
        b"x",
        dict,
        Conf(),
        torch.ones(2),
        np.ones(2),
        types.SimpleNamespace(a=1),
        types.MappingProxyType({"a": 1}),
    ],
)
def test_any_other_value_is_refused_with_the_way_out(conf):
    with pytest.raises(HparamsError, match=f"got a {type(conf).__name__}. Give the names"):
        Given(conf)


def test_several_objects_are_kept_by_name_alone_and_a_warning_says_so():
    class Two(Hyperparameters):
        def __init__(self, first, second):
            self.save_hyperparameters(first, second)

    with pytest.warns(LeydenWarning, match="2 objects and kept none"):
        model = Two({"x": 1}, {"y": 2})
    assert model.hparams == {}


def test_values_are_those_of_the_moment_of_the_call():
    class Changes(Hyperparameters):
        def __init__(self, a=1, b=2, **more):
            a = 5  # noqa: F841
            del b
            more["c"] = more.pop("d") + 1
            local = 7  # noqa: F841
            self.save_hyperparameters()

    assert Changes(d=1).hparams == {"a": 5, "c": 2}


def test_arguments_of_any_kind_are_kept():
    class Kinds(Hyperparameters):
        def __init__(self, a, /, b, *, c, frame=4, args=5, kwargs=6, _g=7):
            self.save_hyperparameters()

    assert Kinds(1, 2, c=3).hparams == {"a": 1, "b": 2, "c": 3, "frame": 4, "args": 5, "kwargs": 6, "_g": 7}


def test_self_may_have_any_name_and_be_used_by_an_inner_function():
    class Odd(Hyperparameters):
        def __init__(this, a=1, *rest, k=2, **more):
            this.again = lambda: (this, a)
            this.save_hyperparameters()

    assert Odd(4, 5, z=6).hparams == {"a": 4, "k": 2, "z": 6}


def test_arguments_are_found_from_a_method_and_from_an_inner_function():
    class Helped(Hyperparameters):
        def __init__(self, a=1):
            self.keep("other")

            def inner(b):
                self.save_hyperparameters(ignore="nothing")

            inner(3)
            list(map(lambda name: self.save_hyperparameters(name), ["a"]))  # noqa: C417

        def keep(self, z):
            self.save_hyperparameters()

    assert Helped(7).hparams == {"a": 7}


def test_the_arguments_of_a_helper_are_not_those_of_the_object():
    class Helped(Hyperparameters):
        def __init__(self, a=1):
            self.keep(2)

        def keep(self, z):
            self.save_hyperparameters("z")

    with pytest.raises(HparamsError, match="no argument 'z'"):
        Helped()


def test_a_frame_may_be_given():
    class Framed(Hyperparameters):
        def __init__(self, a=1):
            self.frame = inspect.currentframe()

    model = Framed(4)
    model.save_hyperparameters(frame=model.__dict__.pop("frame"))
    assert model.hparams == {"a": 4}


def test_outside_init_there_are_no_arguments_to_keep():
    def late(a, b):
        model = saving(ignore=["a", "b"])()
        model.save_hyperparameters()
        return model

    assert late(1, 2).hparams == {}


@pytest.mark.parametrize("wraps", [functools.wraps, lambda _: lambda function: function])
def test_a_decorated_init_keeps_its_own_arguments(wraps):
    def decorator(function):
        @wraps(function)
        def wrapper(self, *args, **kwargs):
            extra = 1  # noqa: F841
            return function(self, *args, **kwargs)

        return wrapper

    class Decorated(Hyperparameters):
        @decorator
        def __init__(self, a=1, b=2):
            self.save_hyperparameters()

    assert Decorated(4).hparams == {"a": 4, "b": 2}


def test_a_base_that_keeps_hyperparameters_keeps_its_subclasses_too():
    class Base(Module):
        def __init__(self, a=1, b=2):
            super().__init__()
            self.save_hyperparameters()

    class Middle(Base):
        def __init__(self, a=3, c=4):
            super().__init__(a=a + 10, b=77)

    class Last(Middle):
        def __init__(self, e=5, **kwargs):
            super().__init__(**kwargs)

    assert Base(8).hparams == {"a": 8, "b": 2}
    assert Middle(c=6).hparams == {"a": 3, "b": 77, "c": 6}
    assert Last(c=9).hparams == {"a": 3, "b": 77, "c": 9, "e": 5}


def test_a_subclass_without_init_has_its_bases_arguments():
    class Sub(Plain):
        pass

    assert Sub(3).hparams.a == 3


def test_a_base_called_without_super_keeps_its_arguments():
    class Sub(Plain):
        def __init__(self, e):
            Plain.__init__(self, a=1)

    assert Sub(5).hparams == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}


def test_keeping_before_the_base_is_initialised_works():
    class Early(Module):
        def __init__(self, a=1):
            self.save_hyperparameters()
            super().__init__()

    assert Early(3).hparams == {"a": 3}


def test_what_a_subclass_ignores_is_removed_from_what_its_base_kept():
    class Base(Module):
        def __init__(self, a=1, b=2):
            super().__init__()
            self.save_hyperparameters({"q": 1, "r": 2})

    class Sub(Base):
        def __init__(self, x, **kwargs):
            super().__init__(**kwargs)
            self.save_hyperparameters(ignore="q")

    model = Sub(3)
    assert model.hparams == {"r": 2, "x": 3}
    assert model.hparams_initial == {"r": 2, "x": 3}


def test_a_module_inside_another_keeps_the_others_arguments_too_and_its_own_count():
    class Inner(Module):
        def __init__(self, i=1):
            super().__init__()
            self.save_hyperparameters()

    class Outer(Inner):
        def __init__(self, o=1, i=7):
            super().__init__(i)
            self.inner = Inner(i=i + 1)

    model = Outer()
    assert model.hparams == {"o": 1, "i": 7}
    assert model.inner.hparams == {"o": 1, "i": 8}


def test_an_outer_module_is_one_whose_init_calls_that_of_the_inner_directly():
    class Inner(Hyperparameters):
        def __init__(self, i=1):
            self.save_hyperparameters()

    class Between:
        def __init__(self, b=2):
            self.inner = Inner()

    class Outer(Hyperparameters):
        def __init__(self, o=3):
            self.between = Between()
            self.built = self.build()

        def build(self, c=4):
            return Inner()

    class Outermost(Hyperparameters):
        def __init__(self, o=5, t=6):
            self.outer = Outer()
            self.inner = Inner()

    model = Outermost()
    assert model.outer.between.inner.hparams == model.outer.built.hparams == {"i": 1}
    assert model.inner.hparams == {"i": 1, "o": 5, "t": 6}


def test_what_holds_a_configuration_is_named_by_the_own_argument_alone():
    class Given(Hyperparameters):
        def __init__(self, conf):
            self.save_hyperparameters(conf)

    class Outer(Hyperparameters):
        def __init__(self, config):
            self.inner = Given(config)

    assert hyperparameters_for_checkpoint(Outer({"a": 1}).inner) == {
        "hparams_name": "conf",
        "hyper_parameters": {"a": 1},
    }


def test_calls_add_up_and_the_last_value_counts():
    class Twice(Hyperparameters):
        def __init__(self, a=1, b=2):
            self.save_hyperparameters("a")
            first = self.hparams
            self.save_hyperparameters({"a": 9, "q": 3})
            self.same = self.hparams is first

    model = Twice()
    assert model.hparams == {"a": 9, "q": 3}
    assert model.same


def test_a_configuration_object_replaces_what_was_kept_and_is_replaced():
    class Object(Hyperparameters):
        def __init__(self, first, second):
            self.save_hyperparameters(first)
            self.save_hyperparameters(second)

    conf = collections.UserDict(x=1)
    assert Object({"y": 2}, conf).hparams is conf
    assert Object(conf, {"y": 2}).hparams == {"y": 2}
    assert conf == {"x": 1}


def test_ignoring_a_name_leaves_a_configuration_object_alone():
    conf = collections.UserDict(x=1, y=2)

    class Object(Hyperparameters):
        def __init__(self, conf):
            self.save_hyperparameters(conf, ignore="x")

    assert Object(conf).hparams == {"y": 2}
    assert conf == {"x": 1, "y": 2}


@dataclasses.dataclass(eq=False)
class Fields(Module):
    a: int
    b: list = dataclasses.field(default_factory=list)
    c: dataclasses.InitVar[int] = 3
    d: int = dataclasses.field(default=4, kw_only=True)
    e: int = dataclasses.field(default=5, init=False)

    def __post_init__(self, c):
        super().__init__()
        self.save_hyperparameters()


@dataclasses.dataclass(eq=False)
class MoreFields(Fields):
    z: int = 9


def test_a_dataclass_keeps_the_fields_that_its_init_takes():
    assert Fields(1).hparams == {"a": 1, "b": [], "c": 3, "d": 4}
    assert Fields(1, [2], c=5).hparams == {"a": 1, "b": [2], "c": 5, "d": 4}
    assert MoreFields(1, z=8).hparams == {"a": 1, "b": [], "c": 3, "d": 4, "z": 8}


def test_a_subclass_of_a_dataclass_keeps_its_own_arguments_too():
    class Sub(Fields):
        def __init__(self, w):
            super().__init__(a=w + 1)

    assert Sub(5).hparams == {"a": 6, "b": [], "c": 3, "d": 4, "w": 5}


def test_without_a_call_there_are_none_and_they_can_still_be_set():
    class Never(Module):
        def __init__(self, a=1):
            super().__init__()

    model = Never()
    assert (model.hparams, model.hparams_initial) == ({}, {})
    model.hparams.lr = 0.1
    assert model.hparams == {"lr": 0.1}
    assert Never().hparams == {}


def test_hparams_itself_cannot_be_replaced():
    with pytest.raises(AttributeError):
        Plain(1).hparams = {}


def test_values_are_the_objects_that_were_passed_and_the_initial_ones_are_copies():
    shared = [1]
    model = Plain({"inner": shared}, shared)
    shared.append(2)
    model.hparams.c = 30
    assert model.hparams.b is shared
    assert model.hparams == {"a": {"inner": [1, 2]}, "b": [1, 2], "c": 30, "d": 4}
    assert model.hparams_initial == {"a": {"inner": [1]}, "b": [1], "c": 3, "d": 4}
    model.hparams_initial.b.append(3)
    assert model.hparams_initial.b == [1]


def test_what_a_program_drops_under_lightnings_private_names_is_dropped():
    class Dropping(Hyperparameters):
        def __init__(self, a=1, b=2):
            self.save_hyperparameters()
            del self._hparams["b"]
            self._hparams_initial.pop("b")

    model = Dropping()
    assert model.hparams == model.hparams_initial == {"a": 1}


def test_a_program_may_set_the_private_name_that_it_knows():
    class Setting(Hyperparameters):
        def __init__(self, a):
            self._hparams = {"a": a}

    assert Setting(3).hparams == {"a": 3}


def test_each_call_takes_the_initial_values_anew():
    class Twice(Hyperparameters):
        def __init__(self, a, b=2):
            self.save_hyperparameters("a")
            a.append(2)
            self.hparams.new = 5
            self.save_hyperparameters("b")

    assert Twice([1]).hparams_initial == {"a": [1, 2], "new": 5, "b": 2}


def test_what_cannot_be_copied_is_kept_as_it_is():
    generator = (number for number in range(3))
    derived = torch.ones(1, requires_grad=True) * 2
    model = Plain(generator, derived)
    assert model.hparams_initial.a is generator
    assert model.hparams_initial.b is derived


def test_a_module_as_hyperparameter_is_reported_once_and_kept_as_the_same_object():
    layer = nn.Linear(1, 1)
    with pytest.warns(LeydenWarning, match=r"ignore=\['a'\]") as caught:
        model = Plain(layer)
    assert [warning.filename for warning in caught] == [__file__]
    assert model.hparams_initial.a is layer
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hyperparameters_for_checkpoint(model)["hyper_parameters"]["a"] is layer


def test_a_model_with_hyperparameters_can_be_copied_and_pickled():
    model = Plain(1)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.hparams.a = 2
        assert (other.hparams_initial, model.hparams.a) == (model.hparams_initial, 1)


# What goes into a checkpoint.


def in_checkpoint(obj):
    found = hyperparameters_for_checkpoint(obj)
    return found.get("hparams_name", "no entry"), found.get("hyper_parameters")


@pytest.mark.parametrize(
    ("model", "name", "values"),
    [
        (Plain(1), "kwargs", {"a": 1, "b": 2, "c": 3, "d": 4}),
        (saving("a")(), "kwargs", {"a": 1}),
        (Given({"x": 1}), "conf", {"x": 1}),
        (Given(argparse.Namespace(x=1)), "conf", {"x": 1}),
        (Given(collections.UserDict(x=1)), "conf", {"x": 1}),
        (saving({"q": 1})(), None, {"q": 1}),
        (saving(ignore=["a", "b"])(), "no entry", None),
        (Given(None), "no entry", None),
    ],
)
def test_a_checkpoint_names_the_argument_that_the_values_belong_to(model, name, values):
    assert in_checkpoint(model) == (name, values)
    assert type(values) is dict or values is None


def test_a_subclass_that_passes_its_configuration_on_is_the_one_that_is_named():
    class Sub(Given):
        def __init__(self, other, x=3):
            super().__init__(other)

    assert in_checkpoint(Sub({"q": 1})) == ("other", {"q": 1})


def test_a_configuration_that_a_base_puts_together_is_named_by_the_bases_argument():
    class Base(Hyperparameters):
        def __init__(self, config, **more):
            config = {**config, **more}
            self.save_hyperparameters(config)

    class Sub(Base):
        def __init__(self, config, **more):
            super().__init__(config, **more)

    assert hyperparameters_for_checkpoint(Sub({"a": 1}, b=2)) == {
        "hparams_name": "config",
        "hyper_parameters": {"a": 1, "b": 2},
    }


def test_a_checkpoint_has_the_values_as_they_are_now():
    model = Plain(1)
    model.hparams.a = 9
    model.hparams["late"] = 5
    assert in_checkpoint(model)[1] == {"a": 9, "b": 2, "c": 3, "d": 4, "late": 5}


def test_a_data_modules_entries_have_their_own_names():
    assert set(hyperparameters_for_checkpoint(Plain(1), "datamodule_")) == {
        "datamodule_hparams_name",
        "datamodule_hyper_parameters",
    }


class Colour(enum.Enum):
    RED = 1


class Holder:
    def __init__(self):
        self.held = lambda: 1


@pytest.mark.parametrize("value", [eval, lambda: 1, Holder(), iter([]), object(), {"deep": [open]}])
def test_values_without_an_encoding_are_found_by_name(value):
    found = unencodable({"good": {"lr": 0.1}, "bad": value})
    assert list(found) == ["bad"]
    assert "hyper_parameters.bad" in found["bad"]


def test_values_with_an_encoding_are_not_reported():
    values = {
        "n": None,
        "f": [len, Plain, Colour.RED, nn.ReLU(), functools.partial(nn.Linear, 1)],
        "t": (1, 2),
        "dtype": torch.float16,
        "w": torch.ones(2),
        "inner": AttributeDict(a=1),
        "s": {1},
    }
    assert unencodable(values) == {}


def test_what_a_checkpoint_cannot_hold_is_left_out_with_one_warning():
    local = enum.Enum("Local", "RED")
    model = saving()(eval, 2, colour=local.RED)
    with pytest.warns(LeydenWarning, match=r"'a', 'colour'\. .*register_enum.*ignore=\['a', 'colour'\]") as caught:
        assert in_checkpoint(model)[1] == {"b": 2}
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert in_checkpoint(model)[1] == {"b": 2}
    assert model.hparams.a is eval
    model.hparams.late = eval
    with pytest.warns(LeydenWarning, match="of Saving: 'late'"):
        assert in_checkpoint(model)[1] == {"b": 2}


# What goes to the loggers.


def test_the_loggers_get_the_initial_values():
    model = Plain(1)
    model.hparams.a = 9
    assert hyperparameters_to_log(model) == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_the_loggers_get_nothing_where_nothing_was_kept_for_them():
    assert hyperparameters_to_log(saving(logger=False)()) is None
    assert hyperparameters_to_log(nn_without_call()) is None
    assert hyperparameters_to_log(saving(ignore=["a", "b"])()) == {}


def nn_without_call():
    class Never(Module):
        pass

    return Never()


def test_the_last_call_decides_whether_the_loggers_get_them():
    class Twice(Hyperparameters):
        def __init__(self, first, second, a=1):
            self.save_hyperparameters("a", logger=first)
            self.save_hyperparameters({"b": 2}, logger=second)

    assert hyperparameters_to_log(Twice(True, False)) is None
    assert hyperparameters_to_log(Twice(False, True)) == {"a": 1, "b": 2}


def test_the_loggers_get_those_of_module_and_data_module_together():
    assert hyperparameters_to_log(saving("a")(1), saving({"c": 3})()) == {"a": 1, "c": 3}
    assert hyperparameters_to_log(saving("a")(1), saving("a", logger=False)(2)) == {"a": 1}
    assert hyperparameters_to_log(nn_without_call(), saving("a")(2)) == {"a": 2}


@pytest.mark.parametrize("value", [1, "x", [1, {"k": 2}], torch.ones(2), np.ones(2), np.float32(1), float("inf")])
def test_the_same_value_on_both_sides_is_no_conflict(value):
    model, data = saving("a")(value), saving("a")(copy.deepcopy(value))
    assert list(hyperparameters_to_log(model, data)) == ["a"]


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, 2), (1, "1"), (torch.ones(2), torch.zeros(2)), (torch.ones(2), torch.ones(3)), (np.ones(2), np.zeros(2))],
)
def test_different_values_on_both_sides_are_an_error_that_names_them(left, right):
    with pytest.raises(HparamsError, match="different values for the hyperparameters a,"):
        hyperparameters_to_log(saving("a", "b")(left), saving("a", "b")(right))


def test_names_that_are_no_text_are_named_too():
    left, right = saving("a")(1), saving("a")(1)
    left.save_hyperparameters({3: 1})
    right.save_hyperparameters({3: 2})
    with pytest.raises(HparamsError, match="different values for the hyperparameters 3,"):
        hyperparameters_to_log(left, right)


def test_the_classes_say_where_a_checkpoint_has_their_hyperparameters():
    for kind, prefix in ((Module, ""), (DataModule, "datamodule_")):
        names = {kind.CHECKPOINT_HYPER_PARAMS_KEY, kind.CHECKPOINT_HYPER_PARAMS_NAME}
        assert names == set(hyperparameters_for_checkpoint(Plain(1), prefix))


def test_a_checkpoint_holds_no_secret_and_a_warning_names_what_is_left_out():
    class WithSecret(Module):
        def __init__(self, lr, api_key, token):
            super().__init__()
            self.save_hyperparameters()

    module = WithSecret(0.1, "abc", Secret("xyz"))
    with pytest.warns(LeydenWarning, match="will not hold these.*'api_key', 'token'.*api_key looks like a secret"):
        part = hyperparameters_for_checkpoint(module)
    assert part["hyper_parameters"] == {"lr": 0.1}
    assert module.hparams.api_key == "abc"
