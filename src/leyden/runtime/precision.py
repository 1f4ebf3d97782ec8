"""Precision: in which number format a run stores its weights and computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch

from leyden.core.warnings import warn
from leyden.errors import SettingsError


@final
@dataclass(frozen=True)
class Precision:
    """How numbers are kept: parameters and inputs in ``weights``, under autocast to ``compute`` unless it is None."""

    name: str
    weights: torch.dtype = torch.float32
    compute: torch.dtype | None = None

    @property
    def scales(self) -> bool:
        """Must the loss be scaled, since gradients of half precision would vanish?"""
        return self.compute is torch.float16


PRECISIONS: Mapping[str, Precision] = {
    "32-true": Precision("32-true"),
    "64-true": Precision("64-true", weights=torch.float64),
    "16-true": Precision("16-true", weights=torch.float16),
    "bf16-true": Precision("bf16-true", weights=torch.bfloat16),
    "16-mixed": Precision("16-mixed", compute=torch.float16),
    "bf16-mixed": Precision("bf16-mixed", compute=torch.bfloat16),
}
SHORT_NAMES: Mapping[str | int | None, str] = {
    None: "32-true",
    32: "32-true",
    "32": "32-true",
    64: "64-true",
    "64": "64-true",
    16: "16-mixed",
    "16": "16-mixed",
    "bf16": "bf16-mixed",
}


def resolve_precision(precision: str | int | None, device: torch.device) -> Precision:
    """The precision of a name as Lightning spells it; a CPU computes in bfloat16 where half precision is mixed in.

    Raises:
        SettingsError: the name is unknown.
    """
    known = precision is None or isinstance(precision, str | int)
    name = SHORT_NAMES.get(precision, precision) if known else None
    if name not in PRECISIONS:
        raise SettingsError(f"precision={precision!r} is not available. Use one of {', '.join(map(repr, PRECISIONS))}.")
    if name == "16-mixed" and device.type == "cpu":
        warn("precision='16-mixed' is for GPUs; on a CPU this run uses 'bf16-mixed'.")
        name = "bf16-mixed"
    return PRECISIONS[str(name)]


def in_precision(step: Callable[..., Any], precision: Precision, device: torch.device) -> Callable[..., Any]:
    """The step, run under autocast or under another default type where the precision asks for it."""
    if precision.compute is not None:
        compute = precision.compute

        def autocast_step(*args: Any) -> Any:
            with torch.autocast(device.type, dtype=compute):
                return step(*args)

        return autocast_step
    if precision.weights != torch.float32:
        weights = precision.weights

        def typed_step(*args: Any) -> Any:
            outer = torch.get_default_dtype()
            torch.set_default_dtype(weights)
            try:
                return step(*args)
            finally:
                torch.set_default_dtype(outer)

        return typed_step
    return step
