"""Gradient clipping, by the norm of all gradients together or by the value of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import nn
from torch.nn import utils  # its functions are looked up at the call: programs replace them
from torch.optim import Optimizer

ClipAlgorithm = Literal["norm", "value"]


def clip_gradients(optimizer: Optimizer, limit: float, algorithm: ClipAlgorithm) -> None:
    """Clip the gradients of every parameter that ``optimizer`` steps, in place.

    Args:
        optimizer: whose parameters count.
        limit: the largest total 2-norm, or the largest absolute value; nothing happens at 0 or below.
        algorithm: "norm" scales all gradients by one factor, "value" cuts each entry.
    """
    if limit <= 0:
        return
    match algorithm:
        case "norm":
            utils.clip_grad_norm_(parameters_of(optimizer), limit)
        case "value":
            utils.clip_grad_value_(parameters_of(optimizer), limit)


def parameters_of(optimizer: Optimizer) -> Iterator[nn.Parameter]:
    for group in optimizer.param_groups:
        yield from group["params"]
