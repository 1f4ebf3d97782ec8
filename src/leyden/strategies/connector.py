"""What programs read of Lightning's ``_AcceleratorConnector``: it is private there, and reached for all the same."""

from __future__ import annotations

from typing import Any, final

import torch

from leyden.strategies.accelerator import Accelerator
from leyden.strategies.choose import hardware_for
from leyden.strategies.parallel import ParallelStrategy
from leyden.strategies.strategy import Strategy


@final
class AcceleratorConnector:
    """Which hardware the arguments of a Trainer come to. The names with an underscore are Lightning's.

    Args:
        devices: how many devices, or which.
        num_nodes: how many machines.
        accelerator: the kind of hardware.
        strategy: how the processes work together.
        use_distributed_sampler: told back, as the other arguments of a Trainer are not.
        **others: arguments of a Trainer that say nothing about hardware.
    """

    def __init__(
        self,
        devices: Any = "auto",
        num_nodes: int = 1,
        accelerator: Any = "auto",
        strategy: Any = "auto",
        use_distributed_sampler: bool = True,
        **others: Any,
    ) -> None:
        self.strategy: Strategy = hardware_for(accelerator, devices, num_nodes, strategy)
        self.use_distributed_sampler = use_distributed_sampler

    @property
    def accelerator(self) -> Accelerator | None:
        return self.strategy.accelerator

    @property
    def is_distributed(self) -> bool:
        """Is the strategy one for several processes?"""
        return isinstance(self.strategy, ParallelStrategy)

    @property
    def _parallel_devices(self) -> list[torch.device]:
        return [*self.strategy.devices]

    @property
    def _accelerator_flag(self) -> str:
        return self.strategy.root_device.type

    @property
    def _devices_flag(self) -> int | list[int]:
        """A number of processes on a CPU, indices of GPUs."""
        devices = self.strategy.devices
        return len(devices) if self._accelerator_flag == "cpu" else [device.index or 0 for device in devices]

    @property
    def _num_nodes_flag(self) -> int:
        return self.strategy.num_nodes
