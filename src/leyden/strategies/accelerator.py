"""Accelerator: a kind of hardware, as programs ask about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from leyden.errors import SettingsError

if TYPE_CHECKING:
    from leyden.trainer import Trainer

Devices = int | str | Sequence[int]
"""How many devices, or which: a number, a list of indices, or either of them as text; -1 means all."""


class Accelerator(ABC):
    """A kind of hardware: how many devices of it there are, and which of them an argument means."""

    @staticmethod
    @abstractmethod
    def parse_devices(devices: Any) -> Any:
        """What the argument ``devices`` of the trainer means for this kind."""

    @staticmethod
    @abstractmethod
    def get_parallel_devices(devices: Any) -> list[torch.device]:
        """The devices that ``parse_devices`` answered, as torch names them."""

    @staticmethod
    @abstractmethod
    def auto_device_count() -> int:
        """How many devices ``devices="auto"`` takes."""

    @staticmethod
    @abstractmethod
    def is_available() -> bool:
        """Does this machine have such a device?"""

    @staticmethod
    @abstractmethod
    def name() -> str:
        """How the argument ``accelerator`` of the trainer spells it."""

    @abstractmethod
    def setup_device(self, device: torch.device) -> None:
        """Make ready a device that a run will use."""

    def setup(self, trainer: Trainer) -> None:  # noqa: B027
        """A run begins."""

    def teardown(self) -> None:  # noqa: B027
        """A run ends."""

    def get_device_stats(self, device: torch.device | str | int) -> dict[str, Any]:
        """Numbers about the device, for monitoring."""
        return {}


class CPUAccelerator(Accelerator):
    """The processor; each device of it is a process."""

    @staticmethod
    def parse_devices(devices: Devices) -> int:
        count = int(devices) if isinstance(devices, str) and devices.isascii() and devices.isdigit() else devices
        if type(count) is not int or count < 1:
            raise SettingsError(f"devices={devices!r}, but on a CPU it is a number of processes. Use 1 or more.")
        return count

    @staticmethod
    def get_parallel_devices(devices: Devices) -> list[torch.device]:
        return [torch.device("cpu")] * CPUAccelerator.parse_devices(devices)

    @staticmethod
    def auto_device_count() -> int:
        return 1

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def name() -> str:
        return "cpu"

    def setup_device(self, device: torch.device) -> None:
        _check_kind(self, device)


class CUDAAccelerator(Accelerator):
    """GPUs of NVIDIA's, and those that torch presents as such."""

    @staticmethod
    def parse_devices(devices: Devices) -> list[int] | None:
        return _indices(devices, torch.cuda.device_count())

    @staticmethod
    def get_parallel_devices(devices: Sequence[int]) -> list[torch.device]:
        return [torch.device("cuda", index) for index in devices]

    @staticmethod
    def auto_device_count() -> int:
        return torch.cuda.device_count()

    @staticmethod
    def is_available() -> bool:
        return torch.cuda.device_count() > 0

    @staticmethod
    def name() -> str:
        return "cuda"

    def setup_device(self, device: torch.device) -> None:
        _check_kind(self, device)
        torch.cuda.set_device(device)

    def teardown(self) -> None:
        torch.cuda.empty_cache()

    def get_device_stats(self, device: torch.device | str | int) -> dict[str, Any]:
        return torch.cuda.memory_stats(device)


class MPSAccelerator(Accelerator):
    """The GPU of an Apple computer."""

    @staticmethod
    def parse_devices(devices: Devices) -> list[int] | None:
        return _indices(devices, int(torch.backends.mps.is_available()))

    @staticmethod
    def get_parallel_devices(devices: Devices) -> list[torch.device]:
        return [torch.device("mps", index) for index in MPSAccelerator.parse_devices(devices) or ()]

    @staticmethod
    def auto_device_count() -> int:
        return 1

    @staticmethod
    def is_available() -> bool:
        return torch.backends.mps.is_available()

    @staticmethod
    def name() -> str:
        return "mps"

    def setup_device(self, device: torch.device) -> None:
        _check_kind(self, device)


ACCELERATORS: Final[Mapping[str, type[Accelerator]]] = {
    "cpu": CPUAccelerator,
    "cuda": CUDAAccelerator,
    "mps": MPSAccelerator,
}


def _check_kind(accelerator: Accelerator, device: torch.device) -> None:
    if device.type != accelerator.name():
        raise SettingsError(
            f"{type(accelerator).__name__} cannot use the device {device}. Give it one of type {accelerator.name()!r}."
        )


def _indices(devices: Any, there: int) -> list[int] | None:
    """Which devices are meant; None for none of them."""
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
    return found or None
