"""Equality of trees in value and in type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def same(left: Any, right: Any) -> bool:
    """Whether two trees agree in every value, bit for bit, and in every type."""
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        if left.shape != right.shape or left.dtype != right.dtype or left.requires_grad != right.requires_grad:
            return False
        parts = [value.detach().contiguous().reshape(-1).view(torch.uint8) for value in (left, right)]
        return torch.equal(*parts)
    if isinstance(left, Mapping):
        return (
            same([*left], [*right])
            and same([*left.values()], [*right.values()])
            and getattr(left, "_metadata", None) == getattr(right, "_metadata", None)
        )
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) or (left != left and right != right)
