"""The size of a module's gradients, for logging."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leyden.errors import SettingsError


def grad_norm(module: nn.Module, norm_type: float | int | str, group_separator: str = "/") -> dict[str, Tensor]:
    """The norm of each parameter's gradient and of all of them together, named for ``self.log_dict``.

    Args:
        module: parameters of it that have no gradient are left out.
        norm_type: the order of the norm, above 0; "inf" for the largest absolute value.
        group_separator: what stands between the kind of norm and the parameter's name.

    Raises:
        SettingsError: there is no norm of this order.
    """
    order = float(norm_type)
    if not order > 0:
        raise SettingsError(f"norm_type={norm_type!r} is no order of a norm. Use a number above 0, or 'inf'.")
    norms = {
        f"grad_{order}_norm{group_separator}{name}": torch.linalg.vector_norm(parameter.grad, order)
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }
    if norms:
        norms[f"grad_{order}_norm_total"] = torch.linalg.vector_norm(torch.stack(list(norms.values())), order)
    return norms
