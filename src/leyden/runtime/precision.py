"""Precision: in which number format a run stores its weights and computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch

from leyden.errors import SettingsError


@final
@dataclass(frozen=True)
class Precision:
    """How numbers are kept. ``weights`` is the format of parameters and inputs, ``compute`` that of autocast (None: as stored)."""

    name: str
    weights: torch.dtype = torch.float32
    compute: torch.dtype | None = None


PRECISIONS: Mapping[str, Precision] = {
    "32-true": Precision("32-true"),
    "64-true": Precision("64-true", weights=torch.float64),
    "16-true": Precision("16-true", weights=torch.float16),
    "bf16-true": Precision("bf16-true", weights=torch.bfloat16),
    "bf16-mixed": Precision("bf16-mixed", compute=torch.bfloat16),
}
SHORT_NAMES: Mapping[object, str] = {
    None: "32-true",
    32: "32-true",
    "32": "32-true",
    64: "64-true",
    "64": "64-true",
    "bf16": "bf16-mixed",
}


def resolve_precision(precision: str | int | None) -> Precision:
    """The precision of a name as Lightning spells it.

    Raises:
        SettingsError: the name is unknown.
    """
    name = SHORT_NAMES.get(precision, precision)
    if name not in PRECISIONS:
        raise SettingsError(f"precision={precision!r} is not available. Use one of {', '.join(map(repr, PRECISIONS))}.")
    return PRECISIONS[str(name)]
