"""Accelerator: a kind of hardware, as programs ask about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from leyden.errors import SettingsError
from leyden.runtime.device import Devices, gpu_indices, process_count

if TYPE_CHECKING:
    from leyden.trainer import Trainer


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
        return process_count(devices)

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
        return gpu_indices(devices, torch.cuda.device_count()) or None

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
        return gpu_indices(devices, int(torch.backends.mps.is_available())) or None

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
