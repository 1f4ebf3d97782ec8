from __future__ import annotations

import inspect

import pytest

from leyden.api.callback import Callback
from leyden.api.module import Module
from leyden.core.hooks import CALLBACK_HOOKS, MODULE_HOOKS
from leyden.core.warnings import LeydenWarning


class Own(Callback):
    def __init__(self, every=3):
        self.every = every

    @property
    def state_key(self):
        return self._generate_state_key(every=self.every)


def test_the_key_of_a_state_is_the_name_of_the_class():
    assert Callback().state_key == "Callback"
    assert type("Other", (Callback,), {})().state_key == "Other"


def test_a_key_may_tell_callbacks_of_one_class_apart_by_their_arguments():
    assert Own().state_key == "Own{'every': 3}"
    assert Own(4).state_key != Own(5).state_key


def test_a_callback_keeps_no_state_of_itself():
    callback = Callback()
    assert callback.state_dict() == {}
    callback.load_state_dict({"x": 1})
    assert vars(callback) == {}


def test_the_functions_of_the_base_class_are_its_hooks_and_its_state():
    functions = {name for name, _ in inspect.getmembers(Callback, inspect.isfunction) if not name.startswith("_")}
    others = {"setup", "teardown", "state_dict", "load_state_dict", "on_save_checkpoint", "on_load_checkpoint"}
    assert functions == CALLBACK_HOOKS | others  # log() is none: programs take what is here for hooks


def test_logging_outside_of_a_run_does_nothing_and_says_so():
    with pytest.warns(LeydenWarning, match=r"^Own\.log\(\) does nothing, since no trainer runs this callback"):
        Own().log("x", 1)
    with pytest.warns(LeydenWarning, match=r"^Own\.log_dict\(\) does nothing"):
        Own().log_dict({"x": 1})


@pytest.mark.parametrize("name", sorted(CALLBACK_HOOKS))
def test_every_hook_does_nothing_until_it_is_overridden(name):
    hook = getattr(Callback(), name)
    taken = [
        parameter for parameter in inspect.signature(hook).parameters.values() if parameter.default is parameter.empty
    ]
    assert [parameter.name for parameter in taken[:2]] == ["trainer", "pl_module"]
    assert hook(*[None] * len(taken)) is None


@pytest.mark.parametrize("name", sorted(CALLBACK_HOOKS & MODULE_HOOKS))
def test_a_hook_that_module_and_callback_have_takes_the_same_after_trainer_and_module(name):
    of_callback = list(inspect.signature(getattr(Callback, name)).parameters.values())
    of_module = list(inspect.signature(getattr(Module, name)).parameters.values())
    given = [(parameter.name, parameter.default) for parameter in of_callback[3:]]
    assert given == [(parameter.name, parameter.default) for parameter in of_module[1:]]
