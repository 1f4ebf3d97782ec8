"""What programs look up about hardware besides the Trainer: lists of names, and which GPUs are free."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Final, final

import torch

from leyden.core.warnings import warn
from leyden.errors import SettingsError
from leyden.strategies.accelerator import ACCELERATORS, Accelerator
from leyden.strategies.choose import DDP
from leyden.strategies.parallel import DDPStrategy
from leyden.strategies.strategy import SingleDeviceStrategy, Strategy

IS_INTERACTIVE: Final = hasattr(sys, "ps1")


class Registry(ABC, Mapping[str, dict[str, Any]]):
    """Names and what they stand for, as Lightning's registries list them. Leyden's are fixed: nothing is added."""

    @abstractmethod
    def __getitem__(self, name: str) -> dict[str, Any]:
        """What is known of a name."""

    @abstractmethod
    def get(self, name: str, default: Any = None) -> Any:
        """An object of what the name stands for."""

    def register(self, name: str, made: Any = None, *_: Any, **__: Any) -> Any:
        """Warn that nothing is added; returns what was given, so that it may stand as a decorator."""
        warn(
            f"{name!r} was to be registered, and Leyden's strategies and accelerators are fixed. Give the Trainer an "
            "object and not this name."
        )
        return made if made is not None else lambda later: later

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"


@final
class Strategies(Registry):
    """The strategies by name."""

    def __getitem__(self, name: str) -> dict[str, Any]:
        made: type[Strategy] = SingleDeviceStrategy if name == "single_device" else DDPStrategy
        init_params = {} if name == "single_device" else {"start_method": "popen", **DDP[name]}
        return {
            "description": (made.__doc__ or "").partition("\n")[0],
            "init_params": init_params,
            "strategy": made,
            "strategy_name": name,
        }

    def __iter__(self) -> Iterator[str]:
        return iter((*DDP, "single_device"))

    def __len__(self) -> int:
        return len(DDP) + 1

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self and default is not None:
            return default
        return self[name]["strategy"](**self[name]["init_params"])

    def available_strategies(self) -> list[str]:
        """Their names."""
        return [*self]


@final
class Accelerators(Registry):
    """The accelerators by name."""

    def __getitem__(self, name: str) -> dict[str, Any]:
        made: type[Accelerator] = ACCELERATORS[name]
        return {"description": made.__name__, "init_params": {}, "accelerator": made, "accelerator_name": name}

    def __iter__(self) -> Iterator[str]:
        return iter(ACCELERATORS)

    def __len__(self) -> int:
        return len(ACCELERATORS)

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self and default is not None:
            return default
        return self[name]["accelerator"]()

    def available_accelerators(self) -> set[str]:
        """Their names."""
        return {*self}


STRATEGIES: Final = Strategies()
ACCELERATOR_TYPES: Final = Accelerators()


def find_usable_cuda_devices(num_devices: int = -1) -> list[int]:
    """The first GPUs on which a tensor can be made, which is not so where another process holds one for itself.

    Args:
        num_devices: how many; -1 for all that there are.

    Raises:
        SettingsError: there are fewer GPUs.
        RuntimeError: fewer of them can be used.
    """
    there = torch.cuda.device_count()
    if num_devices == 0:
        return []
    if not 0 < num_devices <= there and not (num_devices == -1 and there):
        raise SettingsError(f"num_devices={num_devices}, but PyTorch sees {there} CUDA devices. Ask for fewer.")
    usable: list[int] = []
    for index in range(there):
        if len(usable) == num_devices:
            break
        try:
            torch.zeros(1, device=torch.device("cuda", index))
        except RuntimeError:  # torch's word for a device that is busy, or not there after all
            continue
        usable.append(index)
    if len(usable) < num_devices:
        raise RuntimeError(
            f"num_devices={num_devices}, but only the CUDA devices {usable} can be used. Free the others."
        )
    return usable
