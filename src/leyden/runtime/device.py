"""Device: which piece of hardware a run computes on, decided from Lightning's ``accelerator`` and ``devices``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from leyden.errors import SettingsError

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


def resolve_device(accelerator: str, devices: int | str | Sequence[int]) -> torch.device:
    """The one device that a run uses.

    Raises:
        SettingsError: the accelerator is unknown or absent, or ``devices`` asks for another number than one.
    """
    if accelerator not in list(KINDS):
        raise SettingsError(f"accelerator={accelerator!r} is unknown. Use one of {', '.join(map(repr, KINDS))}.")
    kind = next((k for k in KINDS[accelerator] if AVAILABLE[k]()), None)
    if kind is None:
        raise SettingsError(
            f"accelerator={accelerator!r}, but PyTorch finds no such device on this machine. "
            "Use accelerator='auto' to take what is there, or accelerator='cpu'."
        )
    return torch.device(kind, _index(devices)) if kind == "cuda" else torch.device(_checked_single(kind, devices))


def _index(devices: int | str | Sequence[int]) -> int:
    if isinstance(devices, str) and (text := devices.strip()).endswith(",") and text[:-1].isdecimal():
        devices = [int(text[:-1])]  # "2," is a list of one, as "2" is a number of devices
    match devices:
        case bool() | [bool()]:
            raise _several(devices)
        case "auto" | "1" | 1:
            return 0
        case "-1" | -1 if torch.cuda.device_count() == 1:
            return 0
        case [int(index)] if 0 <= index < torch.cuda.device_count():
            return index
        case [int(index)]:
            raise SettingsError(f"devices=[{index}], but PyTorch sees {torch.cuda.device_count()} CUDA devices.")
        case _:
            raise _several(devices)


def _checked_single(kind: str, devices: int | str | Sequence[int]) -> str:
    match devices:
        case bool() | [bool()]:
            raise _several(devices)
        case "auto" | "1" | 1 | [0]:
            return kind
        case _:
            raise _several(devices)


def _several(devices: object) -> SettingsError:
    return SettingsError(
        f"devices={devices!r}, but this version trains on one device. Use devices=1, or [index] to choose a GPU."
    )
