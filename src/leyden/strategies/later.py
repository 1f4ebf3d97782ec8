"""What a Trainer can be told and this version cannot do yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from leyden.errors import SettingsError

# For each argument: what comes later, and what to do instead.
LATER: Final[Mapping[str, tuple[str, str]]] = {
    "devices": (
        "a run has one process, and several come in a later version",
        "Use devices=1, or [index] to choose a GPU.",
    ),
    "num_nodes": (
        "a run has one process, and several machines come in a later version",
        "Use num_nodes=1 to train on one machine.",
    ),
    "strategy": (
        "a run would call nothing of it, which comes with several processes in a later version",
        "Use strategy='auto', or a plain DDPStrategy() or SingleDeviceStrategy().",
    ),
    "plugins": (
        "this version takes the precision plugins alone, and calls none of a program's own",
        "Leave it out; Precision, HalfPrecision, MixedPrecision and DoublePrecision are there.",
    ),
    "profiler": (
        "profilers come in a later version",
        "Leave it out, and use torch.profiler around fit().",
    ),
}


def comes_later(name: str, value: str) -> SettingsError:
    """The error that names an argument, what it was given, and the way out."""
    what, way_out = LATER[name]
    return SettingsError(f"{name} is {value}, but {what}. {way_out}")
