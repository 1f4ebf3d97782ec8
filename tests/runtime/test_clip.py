from __future__ import annotations

import pytest
import torch

from leyden.runtime.clip import clip_gradients, parameters_of


def optimizer(*groups):
    """An optimizer over groups of parameters with these gradients."""
    made = []
    for gradients in groups:
        params = [torch.nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
        for param, gradient in zip(params, gradients, strict=True):
            param.grad = torch.tensor(gradient)
        made.append({"params": params})
    return torch.optim.SGD(made, lr=0.1)


def gradients(of):
    return [param.grad.tolist() for param in parameters_of(of)]


def test_the_norm_of_all_gradients_together_is_limited():
    clipped = optimizer([[3.0], [0.0]], [[4.0]])
    clip_gradients(clipped, 1.0, "norm")
    assert gradients(clipped) == [pytest.approx([0.6]), [0.0], pytest.approx([0.8])]


def test_gradients_below_the_limit_are_left_alone():
    clipped = optimizer([[0.3]], [[0.4]])
    clip_gradients(clipped, 1.0, "norm")
    assert gradients(clipped) == [pytest.approx([0.3]), pytest.approx([0.4])]


def test_a_clipping_function_that_a_program_has_replaced_is_the_one_that_is_called(monkeypatch):
    called = []
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda parameters, limit: called.append(limit))
    clip_gradients(optimizer([[3.0]]), 1.0, "norm")
    assert called == [1.0]


def test_each_value_is_cut_at_the_limit_with_its_sign():
    clipped = optimizer([[3.0, -3.0, 0.5]])
    clip_gradients(clipped, 1.0, "value")
    assert gradients(clipped) == [[1.0, -1.0, 0.5]]


@pytest.mark.parametrize("algorithm", ["norm", "value"])
@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_no_limit_clips_nothing(algorithm, limit):
    clipped = optimizer([[3.0]])
    clip_gradients(clipped, limit, algorithm)
    assert gradients(clipped) == [[3.0]]


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_parameters_without_a_gradient_are_passed_over(algorithm):
    clipped = optimizer([[3.0], [1.0]])
    list(parameters_of(clipped))[1].grad = None
    clip_gradients(clipped, 1.0, algorithm)
    assert [param.grad is None for param in parameters_of(clipped)] == [False, True]


def test_the_parameters_of_an_optimizer_are_those_of_all_its_groups():
    assert len(list(parameters_of(optimizer([[1.0], [2.0]], [[3.0]])))) == 3
