"""The norm of gradients, for logging."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from leyden.runtime.gradients import grad_norm


@pytest.fixture
def layer():
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    layer.bias.grad = torch.tensor([12.0])
    return layer


@pytest.mark.parametrize(("order", "weight", "total"), [(2, 5, 13), (1, 7, 19), ("inf", 4, 12)])
def test_each_parameter_and_all_together_have_a_norm(layer, order, weight, total):
    norms = grad_norm(layer, order)
    kind = f"grad_{float(order)}_norm"
    assert list(norms) == [f"{kind}/weight", f"{kind}/bias", f"{kind}_total"]
    assert norms[f"{kind}/weight"] == weight
    assert norms[f"{kind}_total"] == total


def test_the_separator_of_the_logger_is_taken(layer):
    assert "grad_2.0_norm.bias" in grad_norm(layer, 2, group_separator=".")


def test_parameters_without_gradient_are_left_out(layer):
    layer.weight.grad = None
    assert "grad_2.0_norm/weight" not in grad_norm(layer, 2)
    layer.bias.grad = None
    assert grad_norm(layer, 2) == {}


@pytest.mark.parametrize("order", [0, -1, float("nan")])
def test_there_is_no_norm_of_another_order(layer, order):
    with pytest.raises(ValueError, match="norm_type="):
        grad_norm(layer, order)
