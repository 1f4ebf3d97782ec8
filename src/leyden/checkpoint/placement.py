"""Where loaded tensors go: torch.load's ways of saying it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, UntypedStorage

from leyden.errors import FormatError

MapLocation: TypeAlias = "str | torch.device | int | Mapping[str, str] | Callable[[Any, str], Any] | None"
# Takes the bytes of a storage on the CPU and the device that they were saved from, and gives the storage.
Place: TypeAlias = Callable[[Tensor, str], UntypedStorage]


def one_device(map_location: MapLocation) -> torch.device | None:
    """The device for a file that does not say where its tensors were; None: the CPU, where they are."""
    if map_location is None:
        return None
    if isinstance(map_location, (str, torch.device, int)):
        return torch.device(map_location)
    if isinstance(map_location, Mapping):
        return torch.device(map_location.get("cpu", "cpu"))
    storage = map_location(torch.UntypedStorage(0), "cpu")
    return None if storage is None else torch.device(storage.device)


def placing(map_location: MapLocation, where: str) -> Place:
    """How each storage of a file that says where its tensors were is placed. None: on the CPU.

    A dictionary, and a function that answers None, leave to the others the device that they were saved from.
    """

    def on(octets: Tensor, location: str) -> UntypedStorage:
        try:
            return octets.to(torch.device(location)).untyped_storage()
        except (RuntimeError, AssertionError) as error:
            raise FormatError(
                f"{where} holds tensors that belong on the device {location[:40]!r}, which cannot be used here "
                f"({str(error).partition(chr(10))[0][:200]}). Pass map_location='cpu'."
            ) from None

    if map_location is None:
        return lambda octets, _: octets.untyped_storage()
    if isinstance(map_location, (str, torch.device, int)):
        device = str(torch.device(map_location))
        return lambda octets, _: on(octets, device)
    if isinstance(map_location, Mapping):
        devices = map_location
        return lambda octets, location: on(octets, str(devices.get(location, location)))

    def asked(octets: Tensor, location: str) -> UntypedStorage:
        answer = map_location(octets.untyped_storage(), location)
        if answer is None:
            return on(octets, location)
        storage = answer if isinstance(answer, UntypedStorage) else answer.untyped()
        assert isinstance(storage, UntypedStorage)
        return storage

    return asked
