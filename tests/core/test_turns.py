from __future__ import annotations

import functools

import pytest
import torch

from leyden.core.turns import Listener, Rest, in_turn, is_rest, looks_at, still_to_call


class Owner:
    def __init__(self, key):
        self.state_key = key


class Scope:
    hook = rest = None


def listening(*keys, call=lambda: None):
    return [Listener(None if key is None else Owner(key), call) for key in keys]


def test_while_a_hook_runs_it_is_known_who_comes_next():
    scope, seen = Scope(), []
    listeners = listening("a", "b", None, call=lambda: seen.append((scope.hook, scope.rest.state_dict())))
    in_turn("on_train_epoch_end", listeners, scope)()
    assert [hook for hook, _ in seen] == ["on_train_epoch_end"] * 3
    assert [rest["listeners"] for _, rest in seen] == [["b", None], [None], []]
    assert (scope.hook, scope.rest) == (None, None)


def test_after_an_error_it_is_still_known():
    def fails():
        raise ValueError("mine")

    scope = Scope()
    with pytest.raises(ValueError, match="mine"):
        in_turn("on_train_epoch_end", [*listening("a", call=fails), *listening("b")], scope)()
    assert scope.hook is None
    assert scope.rest.state_dict() == {"hook": "on_train_epoch_end", "listeners": ["b"]}


@pytest.mark.parametrize(
    ("saved", "now", "called"),
    [
        (["b", None], ["a", "b", None], ["b", None]),
        ([None], ["a", "b"], []),  # it hears the hook no more
        (["b"], ["b", "a", "b"], ["b"]),
        (["b", "b"], ["b", "a", "b"], ["b", "b"]),
        ([], ["a", None], []),
    ],
)
def test_those_who_are_still_to_be_called_are_found_by_their_keys(saved, now, called):
    rest = {"hook": "on_train_epoch_end", "listeners": saved}
    assert [listener.key for listener in still_to_call(rest, listening(*now))] == called


def test_of_several_with_one_key_the_last_ones_are_still_to_be_called():
    listeners = listening("b", "a", "b")
    assert still_to_call({"listeners": ["b"]}, listeners) == listeners[2:]


@pytest.mark.parametrize(
    ("saved", "is_one"),
    [
        (None, True),
        (Rest("on_train_batch_end", listening("a", None)).state_dict(), True),
        ({"hook": "on_train_batch_start", "listeners": []}, False),  # that batch begins again
        ({"hook": "on_train_batch_end", "listeners": [3]}, False),
        ({"hook": "on_train_batch_end"}, False),
        ([], False),
    ],
)
def test_what_a_file_says_is_found_to_be_well_formed(saved, is_one):
    assert is_rest(saved) is is_one


class Hears:
    def nothing(self, outputs, batch, batch_idx):
        self.count = batch_idx

    def the_outputs(self, outputs, batch, batch_idx):
        self.loss = outputs["loss"]

    def the_batch(self, outputs, batch, batch_idx):
        return batch

    def all_of_them(self, *args):
        self.args = args

    def takes_all_of_them(self, *_):
        self.count = 1

    def passes_them_on(self, outputs, batch, batch_idx):
        self.nothing(outputs, batch, batch_idx)

    def inside(self, outputs, batch, batch_idx):
        return lambda: batch

    def drops_them(self, outputs, batch, batch_idx):
        del outputs, batch

    def by_name(self, outputs, batch, batch_idx):
        return locals()

    @torch.no_grad()
    def without_gradients(self, outputs, batch, batch_idx):
        self.count = batch_idx

    @torch.no_grad()
    def the_batch_without_gradients(self, outputs, batch, batch_idx):
        self.batch = batch

    @functools.lru_cache  # noqa: B019
    def in_a_wrapper(self, outputs, batch, batch_idx):
        pass

    def as_a_callback(self, trainer, pl_module, outputs, batch, batch_idx):
        self.trainer = trainer


@pytest.mark.parametrize(
    ("name", "looks"),
    {
        "nothing": False,
        "the_outputs": True,
        "the_batch": True,
        "all_of_them": True,
        "takes_all_of_them": False,
        "passes_them_on": True,
        "inside": True,
        "drops_them": False,
        "by_name": True,
        "without_gradients": False,
        "the_batch_without_gradients": True,
        "in_a_wrapper": True,  # nobody can tell
    }.items(),
)
def test_a_listener_looks_at_an_argument_if_its_code_reads_it(name, looks):
    assert looks_at(getattr(Hears(), name), (0, 1)) is looks


def test_arguments_that_are_given_already_do_not_count():
    assert not looks_at(functools.partial(Hears().as_a_callback, "trainer", "module"), (0, 1))
    assert looks_at(functools.partial(Hears().as_a_callback), (0, 1))
    assert not looks_at(functools.partial(lambda trainer, module, outputs, batch, index: index, 1, 2), (0, 1))
    assert looks_at(functools.partial(lambda trainer, module, outputs, batch, index: index, 1, 2), (2,))
    assert looks_at(print, (0,))
