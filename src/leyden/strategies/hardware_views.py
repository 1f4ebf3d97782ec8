"""What programs read of a Trainer about its hardware: properties that delegate to the strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from leyden.strategies.accelerator import Accelerator
from leyden.strategies.parallel import ParallelStrategy

if TYPE_CHECKING:
    from leyden.strategies.strategy import Strategy


class HardwareViews:
    """The devices and processes of a Trainer, under Lightning's names."""

    _strategy: Strategy

    @property
    def accelerator(self) -> Accelerator | None:
        """The kind of hardware."""
        return self._strategy.accelerator

    @property
    def is_global_zero(self) -> bool:
        """Is this the first process of all?"""
        return self._strategy.is_global_zero

    @property
    def global_rank(self) -> int:
        """The number of this process among all."""
        return self._strategy.global_rank

    @property
    def local_rank(self) -> int:
        """The number of this process on its machine."""
        return self._strategy.local_rank

    @property
    def node_rank(self) -> int:
        """The number of this machine."""
        return self._strategy.node_rank

    @property
    def world_size(self) -> int:
        """How many processes there are, on all machines."""
        return self._strategy.world_size

    @property
    def num_nodes(self) -> int:
        """How many machines there are."""
        return self._strategy.num_nodes

    @property
    def num_devices(self) -> int:
        """How many devices of this machine are used."""
        return len(self._strategy.devices)

    @property
    def device_ids(self) -> list[int]:
        """The numbers of the devices of this machine that are used."""
        devices = self._strategy.devices
        return [device.index if device.type == "cuda" else place for place, device in enumerate(devices)]

    @property
    def root_device(self) -> torch.device:
        """The device of this process."""
        return self._strategy.root_device

    @property
    def distributed_sampler_kwargs(self) -> dict[str, int] | None:
        """What a ``DistributedSampler`` is to be told; None where one process has all the data."""
        strategy = self._strategy
        return strategy.distributed_sampler_kwargs if isinstance(strategy, ParallelStrategy) else None
