"""Precision plugins: in which number format a run computes, under the classes that programs compare with."""

from __future__ import annotations

from typing import Final

from torch.amp.grad_scaler import GradScaler

from leyden.runtime import precision as formats


class Precision:
    """Full precision, and the base of the others. A Trainer takes it in ``plugins`` and tells by it what it does."""

    precision: str = "32-true"


class DoublePrecision(Precision):
    """Weights, inputs and computation in float64."""

    precision = "64-true"


class HalfPrecision(Precision):
    """Weights, inputs and computation in float16 or bfloat16.

    Args:
        precision: "16-true" or "bf16-true".
    """

    def __init__(self, precision: str = "16-true") -> None:
        self.precision = precision


class MixedPrecision(Precision):
    """Weights in float32, computation in float16 or bfloat16 where that is safe.

    Args:
        precision: "16-mixed" or "bf16-mixed".
        device: where autocast is used.
        scaler: what scales the loss so that gradients of float16 do not vanish.
    """

    def __init__(self, precision: str, device: str, scaler: GradScaler | None = None) -> None:
        self.precision = precision
        self.device = device
        self.given_scaler = scaler
        self.scaler = scaler  # a trainer shows the one in use


PLUGINS: Final = (Precision, DoublePrecision, HalfPrecision, MixedPrecision)


def plugin_of(used: formats.Precision, device: str) -> Precision:
    """The plugin that tells of a precision in use."""
    match used.name:
        case "64-true":
            return DoublePrecision()
        case "16-true" | "bf16-true":
            return HalfPrecision(used.name)
        case "16-mixed" | "bf16-mixed":
            return MixedPrecision(used.name, device)
        case _:
            return Precision()
