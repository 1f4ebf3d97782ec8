"""Devices: which pieces of hardware a run computes on, decided from Lightning's ``accelerator`` and ``devices``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from leyden.errors import SettingsError

Devices = int | str | Sequence[int]
"""How many devices, or which: a number, a list of indices, or either of them as text; -1 means all."""

AVAILABLE: Mapping[str, Callable[[], bool]] = {
    # asked of torch at the call, so that what a test or a program puts in its place counts
    "cuda": lambda: torch.cuda.is_available(),
    "mps": lambda: torch.backends.mps.is_available(),
    "cpu": lambda: True,
}
KINDS: Mapping[str, tuple[str, ...]] = {
    "auto": ("cuda", "mps", "cpu"),  # the first that this machine has
    "gpu": ("cuda", "mps"),
    "cuda": ("cuda",),
    "mps": ("mps",),
    "cpu": ("cpu",),
}


def resolve_devices(accelerator: str, devices: Devices, every: bool = False) -> tuple[torch.device, ...]:
    """The devices of this machine that a run uses, one for each process.

    Args:
        accelerator: which kind, or "auto".
        devices: how many, or which.
        every: does ``devices="auto"`` take every GPU that is there, and not the first?

    Raises:
        SettingsError: the accelerator is unknown or absent, or ``devices`` names none that is there.
    """
    if accelerator not in list(KINDS):
        raise SettingsError(f"accelerator={accelerator!r} is unknown. Use one of {', '.join(map(repr, KINDS))}.")
    kind = next((k for k in KINDS[accelerator] if AVAILABLE[k]()), None)
    if kind is None:
        raise SettingsError(
            f"accelerator={accelerator!r}, but PyTorch finds no such device on this machine. "
            "Use accelerator='auto' to take what is there, or accelerator='cpu'."
        )
    if kind == "cpu":
        # [0] is the one there is, so that a program that was written for a GPU may be tried without
        return (torch.device("cpu"),) * (1 if devices in ("auto", [0]) else process_count(devices))
    there = torch.cuda.device_count() if kind == "cuda" else 1
    if devices == "auto":
        devices = there if every else 1
    indices = gpu_indices(devices, there)
    if not indices:
        raise SettingsError(f"devices={devices!r} names no devices. Use 1 or more, or a list of indices such as [0].")
    return tuple(torch.device(kind, index) if kind == "cuda" else torch.device(kind) for index in indices)


def process_count(devices: Devices) -> int:
    """How many processes are meant, where the devices are a CPU.

    Raises:
        SettingsError: it is not a number from 1.
    """
    count = int(devices) if isinstance(devices, str) and devices.isascii() and devices.isdigit() else devices
    if type(count) is not int or count < 1:
        raise SettingsError(f"devices={devices!r}, but on a CPU it is a number of processes. Use 1 or more.")
    return count


def gpu_indices(devices: Any, there: int) -> list[int]:
    """Which of the GPUs that are there are meant; none for 0 of them.

    Raises:
        SettingsError: it is no choice of devices, or chooses one that is not there.
    """
    match devices:
        case bool() | float() | None:
            found: Any = None
        case "-1" | -1:
            found = list(range(there))
        case int():
            found = list(range(devices)) if devices >= 0 else None
        case str() if "," not in devices and devices.strip().isdecimal():
            found = list(range(int(devices)))
        case str():
            parts = [part.strip() for part in devices.split(",") if part.strip()]
            found = [int(part) for part in parts] if all(part.isdecimal() for part in parts) else None
        case [*indices]:
            found = indices if all(type(index) is int for index in indices) else None
        case _:
            found = None
    if found is None:
        raise SettingsError(
            f"devices={devices!r} names no devices. Use a number, -1 for all, or a list of indices such as [0, 2]."
        )
    if len({*found}) < len(found):
        raise SettingsError(f"devices={devices!r} names a device twice. Name each once.")
    if absent := [index for index in found if not 0 <= index < there]:
        raise SettingsError(
            f"devices={devices!r} asks for {absent}, but this machine has {there} such devices, numbered from 0."
        )
    return [*found]
