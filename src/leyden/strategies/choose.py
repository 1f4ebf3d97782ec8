"""What a trainer computes with, where strategy and accelerator may be objects; they have to agree with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from leyden.core.described import described
from leyden.errors import SettingsError
from leyden.strategies.accelerator import ACCELERATORS, Accelerator
from leyden.strategies.strategy import SingleDeviceStrategy

Devices = int | str | Sequence[int]


def hardware_named(accelerator: Any, devices: Devices, strategy: Any) -> tuple[Any, Devices]:
    """The arguments ``accelerator`` and ``devices`` as text and numbers, filled in from a strategy that was given.

    Raises:
        SettingsError: the accelerator is of a class of the program's own, which a run would not call.
    """
    if isinstance(accelerator, Accelerator):
        if type(accelerator) not in ACCELERATORS.values():
            raise SettingsError(
                f"accelerator is {described(accelerator)}, but this version calls no accelerator of a program's own. "
                f"Use one of {', '.join(map(repr, ACCELERATORS))}."
            )
        accelerator = accelerator.name()
    if isinstance(strategy, SingleDeviceStrategy):
        device = strategy.root_device
        if accelerator == "auto":
            accelerator = device.type
        if devices == "auto" and accelerator == device.type:
            devices = [device.index or 0]
    return accelerator, devices


def strategy_for(strategy: Any, accelerator: Any, device: torch.device) -> SingleDeviceStrategy:
    """The strategy of a run on this device: the one that was given, or one for the device.

    Raises:
        SettingsError: the strategy that was given computes elsewhere.
    """
    kind = accelerator if isinstance(accelerator, Accelerator) else ACCELERATORS[device.type]()
    if not isinstance(strategy, SingleDeviceStrategy):
        return SingleDeviceStrategy(device, kind)
    given = strategy.root_device
    if (given.type, given.index or 0) != (device.type, device.index or 0):
        raise SettingsError(
            f"strategy=SingleDeviceStrategy(device='{given}'), but accelerator and devices ask for {device}. "
            "Leave out one of the two."
        )
    strategy.accelerator = strategy.accelerator or kind
    return strategy
