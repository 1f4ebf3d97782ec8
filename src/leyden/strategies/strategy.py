"""Strategy: where a run computes and how its processes agree, as programs ask the trainer for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from leyden.api.module import Module
from leyden.data.transfer import move_to_device
from leyden.strategies.accelerator import Accelerator

T = TypeVar("T")


class Strategy(ABC):
    """What a program may ask about the devices and processes of a run."""

    strategy_name: ClassVar[str | None] = None
    launcher: ClassVar[None] = None  # nobody: there is one process, the program's own

    def __init__(self, accelerator: Accelerator | None = None) -> None:
        self.accelerator = accelerator
        self.lightning_module: Module | None = None
        self.optimizers: list[Optimizer] = []

    @property
    @abstractmethod
    def root_device(self) -> torch.device:
        """The device of this process."""

    @property
    @abstractmethod
    def is_global_zero(self) -> bool:
        """Is this the first process of all?"""

    @abstractmethod
    def barrier(self, name: str | None = None) -> None:
        """Wait until every process is here."""

    @abstractmethod
    def broadcast(self, obj: T, src: int = 0) -> T:
        """What process ``src`` gave, on every process."""

    @abstractmethod
    def reduce(self, tensor: T, group: Any = None, reduce_op: Any = "mean") -> T:
        """The values of all processes as one."""

    @abstractmethod
    def all_gather(self, tensor: Tensor, group: Any = None, sync_grads: bool = False) -> Tensor:
        """The values of all processes, along a new first dimension where there are several."""

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        """Do all processes, or any of them, decide so?"""
        return decision

    @property
    def model(self) -> Module | None:
        """The module, wrapped as the run calls it."""
        return self.lightning_module

    def connect(self, model: Module) -> None:
        """This is the module of the run."""
        self.lightning_module = model

    def model_to_device(self) -> None:
        """Move the module to the device of this process."""
        if self.lightning_module is not None:
            self.lightning_module.to(self.root_device)

    def batch_to_device(self, batch: Any, device: torch.device | None = None, dataloader_idx: int = 0) -> Any:
        """The batch on the device of this process, or on another."""
        return move_to_device(batch, device or self.root_device)

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The weights as a checkpoint holds them."""
        return {} if self.lightning_module is None else self.lightning_module.state_dict()

    def on_exception(self, exception: BaseException) -> None:  # noqa: B027
        """The run is being ended by an exception."""


class SingleDeviceStrategy(Strategy):
    """One process on one device.

    Args:
        device: where it computes.
        accelerator: what kind of device that is.
    """

    strategy_name: ClassVar[str | None] = "single_device"
    global_rank: ClassVar[int] = 0
    local_rank: ClassVar[int] = 0
    world_size: ClassVar[int] = 1

    def __init__(self, device: torch.device | str | int = "cpu", accelerator: Accelerator | None = None) -> None:
        super().__init__(accelerator)
        self._root_device = torch.device(device)

    @property
    def root_device(self) -> torch.device:
        return self._root_device

    @property
    def is_global_zero(self) -> bool:
        return True

    def barrier(self, name: str | None = None) -> None:
        """There is nobody to wait for."""

    def broadcast(self, obj: T, src: int = 0) -> T:
        return obj

    def reduce(self, tensor: T, group: Any = None, reduce_op: Any = "mean") -> T:
        return tensor

    def all_gather(self, tensor: Tensor, group: Any = None, sync_grads: bool = False) -> Tensor:
        return tensor
