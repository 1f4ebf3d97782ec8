"""Whether numbers are finite, asked of many tensors with one transfer from the device."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import get_total_norm


def are_finite(tensors: Iterable[Tensor]) -> bool:
    """Are all numbers in these tensors finite? Whole numbers are."""
    numbers = [values for tensor in tensors if (values := _numbers_in(tensor)) is not None]
    if not numbers or torch.isfinite(get_total_norm(numbers, 2)):
        return True
    # That one is read ten times as fast, and may overflow; the largest absolute value cannot.
    return bool(torch.isfinite(get_total_norm(numbers, inf)))


def weights_not_finite(module: nn.Module) -> list[str]:
    """The names of the weights with a number that is not finite, among those that training may change."""
    trained = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
    if are_finite(trained.values()):
        return []
    return [name for name, weight in trained.items() if not are_finite([weight])]


def _numbers_in(tensor: Tensor) -> Tensor | None:
    if is_lazy(tensor) or tensor.is_meta or not (tensor.is_floating_point() or tensor.is_complex()):
        return None
    values = tensor.detach()
    values = values.coalesce().values() if values.is_sparse else values
    return values if values.numel() else None
