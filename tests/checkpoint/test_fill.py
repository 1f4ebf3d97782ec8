from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from leyden.checkpoint.fill import fill
from leyden.errors import MismatchError


def network():
    return nn.Sequential(OrderedDict(a=nn.Linear(2, 3), b=nn.BatchNorm1d(3)))


def other_values(module):
    return {name: torch.full_like(value, 7) for name, value in module.state_dict().items()}


def assert_unchanged_by(module, call):
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(MismatchError) as caught:
        call()
    after = module.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    return str(caught.value)


def test_values_are_copied_into_the_models_own_tensors():
    module = network()
    places = [value.data_ptr() for value in module.state_dict().values()]
    assert fill(module, other_values(module), where="x") == ([], [])
    assert [value.data_ptr() for value in module.state_dict().values()] == places
    assert all((value == 7).all() for value in module.state_dict().values())
    assert module.a.weight.requires_grad


def test_the_models_own_layout_is_kept():
    module = nn.Conv2d(2, 2, 2).to(memory_format=torch.channels_last)
    strides = module.weight.stride()
    values = {"weight": torch.arange(16.0).reshape(2, 2, 2, 2), "bias": torch.zeros(2)}
    fill(module, values, where="x")
    assert module.weight.stride() == strides
    assert torch.equal(module.weight, values["weight"])


DIFFERENCES = {
    "a missing name": (lambda s: s.pop("b.running_mean"), "the model has, and the file lacks: b.running_mean. Build"),
    "an unexpected name": (lambda s: s.update(c=torch.ones(1)), "the file has, and the model lacks: c. Build"),
    "a shape": (
        lambda s: s.update({"a.weight": torch.ones(3, 4)}),
        "a.weight (shape [3, 2] in the model, [3, 4] in the file)",
    ),
    "a dtype": (
        lambda s: s.update({"b.weight": torch.ones(3).double()}),
        "b.weight (torch.float32 in the model, torch.float64 in the file: convert one",
    ),
    "what is no tensor": (lambda s: s.update({"b.bias": [1, 2, 3]}), "b.bias (not a tensor but a list in the file)"),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_nothing_is_copied_where_the_difference_is(case):
    change, message = DIFFERENCES[case]
    module = network()
    values = other_values(module)
    change(values)
    told = assert_unchanged_by(module, lambda: fill(module, values, where="best.ckpt"))
    assert told.startswith("best.ckpt does not fit Sequential, which is as it was: ")
    assert message in told


def test_all_differences_are_named_and_many_are_counted():
    module = nn.ModuleList(nn.Linear(1, 1) for _ in range(5))
    told = assert_unchanged_by(module, lambda: fill(module, {"x": torch.ones(1)}, where="x"))
    assert (
        "lacks: 0.weight, 0.bias, 1.weight, 1.bias, 2.weight and 5 more; the file has, and the model lacks: x" in told
    )


def test_what_fits_is_loaded_where_names_may_differ():
    module = network()
    values = other_values(module)
    del values["a.bias"]
    values["new"] = torch.ones(1)
    found = fill(module, values, strict=False, where="x")
    assert (found.missing_keys, found.unexpected_keys) == (["a.bias"], ["new"])
    assert (module.a.weight == 7).all()
    assert not (module.a.bias == 7).all()


def test_shapes_must_agree_even_where_names_may_differ():
    module = network()
    values = {"a.bias": torch.ones(4), "a.weight": torch.ones(3, 2)}
    assert "a.bias" in assert_unchanged_by(module, lambda: fill(module, values, strict=False, where="x"))


def test_a_model_without_memory_is_not_filled():
    module = nn.Linear(1, 1, device="meta")
    with pytest.raises(MismatchError, match="weight .on the meta device: .*to_empty"):
        fill(module, {"weight": torch.ones(1, 1), "bias": torch.ones(1)}, where="x")


class Renamed(nn.Linear):
    """Understands the name that its weight had in an earlier version."""

    def _load_from_state_dict(self, state_dict, prefix, *args):
        if f"{prefix}old" in state_dict:
            state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}old")
        super()._load_from_state_dict(state_dict, prefix, *args)


def test_a_part_with_a_way_of_loading_of_its_own_is_left_to_it():
    module = nn.Sequential(nn.Linear(1, 1), Renamed(1, 1))
    values = other_values(module)
    values["1.old"] = values.pop("1.weight")
    assert fill(module, values, where="x") == ([], [])
    assert (module[1].weight == 7).all()


def test_an_overridden_method_may_forget_to_answer():
    class Forgetful(nn.Linear):
        def load_state_dict(self, state_dict, strict=True, assign=False):
            super().load_state_dict(state_dict, strict, assign)

    module = Forgetful(2, 3)
    assert fill(module, other_values(module), where="test") == ([], [])
    assert bool((module.weight == 7).all())


def test_every_value_is_put_back_if_such_a_part_fails():
    module = nn.Sequential(nn.Linear(1, 1), Renamed(1, 1))
    values = other_values(module) | {"1.old": torch.ones(9, 9)}
    assert "size mismatch for 1.weight" in assert_unchanged_by(module, lambda: fill(module, values, where="x"))


def test_other_parts_are_checked_before_such_a_part_is_asked():
    module = nn.Sequential(nn.Linear(1, 1), Renamed(1, 1))
    values = other_values(module) | {"0.weight": torch.ones(1, 1).double()}
    assert "0.weight (torch.float32" in assert_unchanged_by(module, lambda: fill(module, values, where="x"))


class Extra(nn.Module):
    seen = None

    def get_extra_state(self):
        return {"k": 1}

    def set_extra_state(self, state):
        self.seen = state


def test_extra_state_reaches_the_part_that_keeps_it():
    module = nn.Sequential(Extra())
    fill(module, {"0._extra_state": {"k": 2}}, where="x")
    assert module[0].seen == {"k": 2}


def test_a_hook_of_the_model_may_rename_what_it_is_given():
    module = nn.Linear(1, 1)

    def rename(module, state_dict, *_):
        for name in ("weight", "bias"):
            state_dict[name] = state_dict.pop(f"model.{name}")

    module.register_load_state_dict_pre_hook(rename)
    fill(module, {"model.weight": torch.full((1, 1), 7.0), "model.bias": torch.ones(1)}, where="x")
    assert module.weight.item() == 7


def test_parametrized_modules_are_filled():
    source, target = (parametrizations.weight_norm(nn.Linear(2, 2)) for _ in range(2))
    fill(target, source.state_dict(), where="x")
    assert torch.equal(source.weight, target.weight)


def test_a_lazy_module_takes_its_shape_from_the_file():
    module = nn.LazyLinear(2)
    fill(module, nn.Linear(3, 2).state_dict(), where="x")
    assert module.weight.shape == (2, 3)
