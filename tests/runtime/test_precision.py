from __future__ import annotations

import pytest
import torch

from leyden.core.warnings import LeydenWarning
from leyden.errors import SettingsError
from leyden.runtime.precision import in_precision, resolve_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, "32-true"),
        (32, "32-true"),
        ("32", "32-true"),
        ("32-true", "32-true"),
        (64, "64-true"),
        ("64", "64-true"),
        ("64-true", "64-true"),
        ("16-true", "16-true"),
        (16, "16-mixed"),
        ("16", "16-mixed"),
        ("16-mixed", "16-mixed"),
        ("bf16", "bf16-mixed"),
        ("bf16-mixed", "bf16-mixed"),
        ("bf16-true", "bf16-true"),
    ],
)
def test_a_precision_has_the_names_that_lightning_gives_it(given, name):
    assert resolve_precision(given, torch.device("cuda")).name == name


def test_half_precision_on_a_cpu_is_bfloat16_and_says_so():
    with pytest.warns(LeydenWarning, match="16-mixed.*'bf16-mixed'"):
        assert resolve_precision("16-mixed", CPU).name == "bf16-mixed"


def test_only_half_precision_scales_its_loss():
    cuda = torch.device("cuda")
    names = ["32-true", "64-true", "16-true", "bf16-true", "16-mixed", "bf16-mixed"]
    assert [name for name in names if resolve_precision(name, cuda).scales] == ["16-mixed"]


@pytest.mark.parametrize("given", ["fp32", "", 31, 32.5, True, ["32"], torch.float32])
def test_an_unknown_precision_is_refused_with_those_that_are_known(given):
    with pytest.raises(SettingsError) as caught:
        resolve_precision(given, CPU)
    assert str(caught.value).startswith(f"precision={given!r} is not available. Use one of '32-true'")


def seen_in(precision):
    """What a step sees: its default type, the type of a matrix product, and that of the input."""

    def step(x):
        return torch.get_default_dtype(), (x @ x).dtype, x.dtype

    made = resolve_precision(precision, CPU)
    x = torch.ones(2, 2, dtype=made.weights)
    return in_precision(step, made, CPU)(x)


def test_full_precision_leaves_the_step_as_it_is():
    def step():
        pass

    assert in_precision(step, resolve_precision(None, CPU), CPU) is step


def test_mixed_precision_computes_products_in_the_short_type():
    assert seen_in("bf16-mixed") == (torch.float32, torch.bfloat16, torch.float32)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("64-true", torch.float64), ("bf16-true", torch.bfloat16), ("16-true", torch.float16)]
)
def test_true_precision_makes_new_tensors_in_its_type_too(precision, dtype):
    assert seen_in(precision) == (dtype, dtype, dtype)


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_a_precision_ends_with_the_step_even_if_it_fails(precision):
    def fails():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_precision(fails, resolve_precision(precision, CPU), CPU)()
    assert torch.get_default_dtype() == torch.float32
    assert not torch.is_autocast_enabled("cpu")
