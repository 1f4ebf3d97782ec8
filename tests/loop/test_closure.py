"""What happens between the gradients and the step, however a program takes the step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from leyden.loop.closure import before_each_step


@pytest.fixture
def weight() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor([1.0]))


def closure_for(weight: torch.nn.Parameter, calls: list[str]) -> Any:
    def closure() -> torch.Tensor:
        calls.append("closure")
        weight.grad = None
        loss = (weight**2).sum()
        loss.backward()
        return loss

    return closure


def test_ready_comes_after_the_closure_and_before_the_step(weight: torch.nn.Parameter) -> None:
    calls: list[str] = []
    optimizer = torch.optim.SGD([weight], lr=0.5)
    with before_each_step(optimizer, lambda: calls.append(f"ready at {weight.item()}")):
        loss = optimizer.step(closure=closure_for(weight, calls))
    assert calls == ["closure", "ready at 1.0"]
    assert (loss.item(), weight.item()) == (1.0, 0.0)


def test_ready_comes_at_once_where_the_closure_was_run_by_hand(weight: torch.nn.Parameter) -> None:
    calls: list[str] = []
    optimizer = torch.optim.SGD([weight], lr=0.5)
    with before_each_step(optimizer, lambda: calls.append("ready")):
        closure_for(weight, calls)()
        optimizer.step()
    assert calls == ["closure", "ready"]
    assert weight.item() == 0.0


def test_ready_comes_after_every_closure_of_a_searching_optimizer(weight: torch.nn.Parameter) -> None:
    calls: list[str] = []
    optimizer = torch.optim.LBFGS([weight], max_iter=2)
    with before_each_step(optimizer, lambda: calls.append("ready")):
        optimizer.step(closure_for(weight, calls))
    assert calls[:2] == ["closure", "ready"]
    assert calls.count("closure") == calls.count("ready") > 1


def test_nothing_is_left_behind_after_an_error(weight: torch.nn.Parameter) -> None:
    optimizer = torch.optim.SGD([weight], lr=0.5)
    with pytest.raises(LookupError), before_each_step(optimizer, lambda: None):
        raise LookupError
    assert not optimizer._optimizer_step_pre_hooks
