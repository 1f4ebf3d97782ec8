from __future__ import annotations

import pytest
import torch
from torch import nn

from leyden.api.callback import Callback
from leyden.api.module import Module
from leyden.core.hooks import (
    CALLBACK_HOOKS,
    EVALUATION_EVENTS,
    EVALUATIONS,
    MODULE_HOOKS,
    SHARED_HOOKS,
    HookedList,
    Hooks,
    Originals,
    chain,
    nobody,
    originals_of,
    overrides,
    within,
)

ORIGINALS = Originals(originals_of(Callback, CALLBACK_HOOKS), originals_of(Module, MODULE_HOOKS))
TRAINER = object()


class Scope:
    """Stands where the log stands: it is told which hook runs."""

    def __init__(self) -> None:
        self.hook = self.rest = None


class Listener(Callback):
    def __init__(self, name, heard):
        self.name, self.heard = name, heard

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.heard.append((self.name, trainer, pl_module, batch, batch_idx))
        return -1

    def on_train_epoch_end(self, trainer, pl_module):
        self.heard.append(self.name)


class Monitor(Listener):
    monitors = True


class Model(Module):
    def __init__(self, heard):
        super().__init__()
        self.heard = heard

    def on_train_batch_start(self, batch, batch_idx):
        self.heard.append(("module", batch, batch_idx))
        return 7

    def on_train_epoch_end(self):
        self.heard.append("module")


def built(callbacks, module, scope=None, trainer=TRAINER):
    hooks = Hooks()
    hooks.build(callbacks, module, trainer, ORIGINALS, scope or Scope())
    return hooks


def test_callbacks_hear_a_hook_in_their_order_and_the_module_after_them():
    heard = []
    module = Model(heard)
    hooks = built([Listener("a", heard), Listener("b", heard)], module)
    hooks.on_train_batch_start("batch", 3)
    assert heard == [("a", TRAINER, module, "batch", 3), ("b", TRAINER, module, "batch", 3), ("module", "batch", 3)]


def test_the_answer_of_a_hook_is_the_modules():
    assert built([Listener("a", [])], Model([])).on_train_batch_start("batch", 0) == 7


def test_the_answer_of_a_callback_does_not_count():
    assert built([Listener("a", [])], Module()).on_train_batch_start("batch", 0) is None


def test_monitoring_callbacks_hear_the_end_of_a_training_epoch_after_the_module():
    heard = []
    hooks = built([Monitor("monitor", heard), Listener("a", heard)], Model(heard))
    hooks.on_train_epoch_end()
    assert heard == ["a", "module", "monitor"]


def test_monitoring_callbacks_hear_every_other_hook_in_their_order():
    heard = []
    built([Monitor("monitor", heard), Listener("a", heard)], Model(heard)).on_train_batch_start("batch", 0)
    assert [name for name, *_ in heard] == ["monitor", "a", "module"]


def test_a_hook_that_nobody_overrides_is_the_empty_function():
    hooks = built([Callback()], Module())
    assert all(getattr(hooks, name) is nobody for name in SHARED_HOOKS)
    events = [getattr(getattr(hooks, kind), event) for kind in EVALUATIONS for event in EVALUATION_EVENTS]
    assert all(event is nobody for event in events)


def test_hooks_that_were_never_built_hear_nothing():
    assert Hooks().on_train_start() is None
    assert Hooks().validation.batch_end("output", "batch", 0) is None


def test_freeing_gradients_before_a_validation_needs_no_override():
    module = Module()
    module.weight = nn.Parameter(torch.ones(1))
    module.weight.grad = torch.ones(1)
    built([], module).on_validation_model_zero_grad()
    assert module.weight.grad is None


@pytest.mark.parametrize("kind", EVALUATIONS)
@pytest.mark.parametrize("event", EVALUATION_EVENTS)
def test_each_hook_of_an_evaluation_reaches_callback_and_module(kind, event):
    heard, name = [], f"on_{kind}_{event}"
    of_callback = type("Own", (Callback,), {name: lambda self, trainer, module, *place: heard.append(("C", *place))})
    of_module = type("Own", (Module,), {name: lambda self, *place: heard.append(("M", *place))})
    hooks = built([of_callback()], of_module())
    getattr(getattr(hooks, kind), event)("batch", 0)
    assert heard == [("C", "batch", 0), ("M", "batch", 0)]


@pytest.mark.parametrize("name", SHARED_HOOKS)
def test_each_hook_of_training_reaches_callback_and_module(name):
    heard = []
    of_callback = type("Own", (Callback,), {name: lambda self, trainer, module, *given: heard.append(("C", *given))})
    of_module = type("Own", (Module,), {name: lambda self, *given: heard.append(("M", *given))})
    getattr(built([of_callback()], of_module()), name)("given")
    assert heard == [("C", "given"), ("M", "given")]


@pytest.mark.parametrize("name", ["on_sanity_check_start", "on_sanity_check_end", "on_exception"])
def test_hooks_of_callbacks_alone_do_not_reach_a_module_method_of_that_name(name):
    heard = []
    of_callback = type("Own", (Callback,), {name: lambda self, trainer, module, *given: heard.append("C")})
    of_module = type("Own", (Module,), {name: lambda self, *given: heard.append("M")})
    getattr(built([of_callback()], of_module()), name)()
    assert heard == ["C"]


def test_how_a_module_changes_its_mode_is_its_own_only_where_it_says_so():
    class Own(Module):
        def on_validation_model_eval(self):
            return "my eval"

        def on_test_model_train(self):
            return "my train"

    hooks = built([], Own())
    assert (hooks.validation.model_eval(), hooks.test.model_train()) == ("my eval", "my train")
    assert (hooks.validation.model_train, hooks.test.model_eval) == (None, None)
    assert (hooks.predict.model_eval, hooks.predict.model_train) == (None, None)


def test_building_again_changes_the_same_object():
    heard = []
    hooks = built([], Module())
    validation = hooks.validation
    hooks.build([Listener("late", heard)], Module(), TRAINER, ORIGINALS, Scope())
    hooks.on_train_epoch_end()
    assert heard == ["late"]
    assert hooks.validation is validation
    hooks.build([], Module(), TRAINER, ORIGINALS, Scope())
    assert hooks.on_train_epoch_end is nobody


def test_a_base_class_that_is_patched_counts_as_overridden(monkeypatch):
    assert not overrides(Module(), ORIGINALS.module, "on_train_start")
    monkeypatch.setattr(Module, "on_train_start", lambda self: "patched")
    assert overrides(Module(), ORIGINALS.module, "on_train_start")
    assert built([], Module()).on_train_start() == "patched"


def test_a_function_set_on_an_object_counts_as_overridden():
    callback = Callback()
    heard = []
    callback.on_train_start = lambda trainer, module: heard.append(trainer)
    built([callback], Module()).on_train_start()
    assert heard == [TRAINER]


def test_an_inherited_override_counts():
    class Child(Listener):
        pass

    assert overrides(Child("a", []), ORIGINALS.callback, "on_train_epoch_end")
    assert not overrides(Child("a", []), ORIGINALS.callback, "on_train_epoch_start")


def test_the_log_is_told_the_hook_while_it_runs_and_the_one_around_it_afterwards():
    scope, seen = Scope(), []
    inner = chain("inner", [lambda: seen.append(scope.hook)], None, [], scope)
    outer = chain("outer", [inner], lambda: seen.append(scope.hook), [lambda: seen.append(scope.hook)], scope)
    outer()
    assert (seen, scope.hook) == (["inner", "outer", "outer"], None)


@pytest.mark.parametrize("part", ["first", "answer", "last"])
def test_the_log_stands_where_it_stood_after_an_exception_in_a_hook(part):
    def fails():
        raise ZeroDivisionError

    scope = Scope()
    scope.hook = "around"
    listeners = {"first": [], "answer": None, "last": []} | {part: fails if part == "answer" else [fails]}
    with pytest.raises(ZeroDivisionError):
        chain("inner", listeners["first"], listeners["answer"], listeners["last"], scope)()
    assert scope.hook == "around"


def test_within_gives_a_method_its_place_its_arguments_and_its_answer():
    scope = Scope()
    clip = within(scope, "configure_gradient_clipping", lambda *args, **kwargs: (scope.hook, args, kwargs))
    assert clip(1, limit=2) == ("configure_gradient_clipping", (1,), {"limit": 2})


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda items: items.append("c"), ["a", "b", "c"]),
        (lambda items: items.extend("cd"), ["a", "b", "c", "d"]),
        (lambda items: items.insert(0, "c"), ["c", "a", "b"]),
        (lambda items: items.remove("a"), ["b"]),
        (lambda items: items.pop(), ["a"]),
        (lambda items: items.pop(0), ["b"]),
        (lambda items: items.clear(), []),
        (lambda items: items.reverse(), ["b", "a"]),
        (lambda items: items.sort(reverse=True), ["b", "a"]),
        (lambda items: items.__setitem__(0, "c"), ["c", "b"]),
        (lambda items: items.__setitem__(slice(None), "c"), ["c"]),
        (lambda items: items.__delitem__(0), ["b"]),
        (lambda items: items.__iadd__("c"), ["a", "b", "c"]),
    ],
)
def test_a_hooked_list_tells_of_every_change_once_it_is_made(change, left):
    items, seen = HookedList("ab"), []
    items.changed = lambda: seen.append(list(items))
    change(items)
    assert (list(items), seen) == (left, [left])


def test_a_hooked_list_is_silent_where_nothing_changed():
    items, seen = HookedList("ab"), []
    items.changed = lambda: seen.append(1)
    with pytest.raises(ValueError, match="not in list"):
        items.remove("c")
    assert (items[0], len(items), "b" in items, sorted(items), seen) == ("a", 2, True, ["a", "b"], [])


def test_a_hooked_list_that_nobody_listens_to_is_a_list():
    items = HookedList()
    items.append(1)
    assert items == [1]
