"""Strategies for several devices. This version can name and configure them; a Trainer refuses to run them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal, NoReturn

import torch
from torch import Tensor

from leyden.errors import UsageError
from leyden.strategies.accelerator import Accelerator
from leyden.strategies.strategy import Strategy


class ParallelStrategy(Strategy):
    """Several processes, each on a device of its own.

    Args:
        accelerator: what kind of devices.
        parallel_devices: the devices.
    """

    def __init__(
        self, accelerator: Accelerator | None = None, parallel_devices: Sequence[torch.device] | None = None
    ) -> None:
        super().__init__(accelerator)
        self.parallel_devices = parallel_devices

    @property
    def root_device(self) -> torch.device:
        self._refuse()

    @property
    def is_global_zero(self) -> bool:
        self._refuse()

    def barrier(self, name: str | None = None) -> None:
        self._refuse()

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        self._refuse()

    def reduce(self, tensor: Any, group: Any = None, reduce_op: Any = "mean") -> Any:
        self._refuse()

    def all_gather(self, tensor: Tensor, group: Any = None, sync_grads: bool = False) -> Tensor:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise UsageError(
            f"{type(self).__name__} does not run yet: this version trains on one device. Use strategy='auto' in the "
            "Trainer, and ask trainer.strategy."
        )


class DDPStrategy(ParallelStrategy):
    """A copy of the model on each device, with gradients averaged.

    Args:
        accelerator: what kind of devices.
        parallel_devices: the devices.
        process_group_backend: "nccl" or "gloo"; chosen by the devices if left out.
        timeout: how long a process waits for the others.
        start_method: how processes are started.
        **kwargs: arguments of torch's ``DistributedDataParallel``.
    """

    strategy_name: ClassVar[str | None] = "ddp"

    def __init__(
        self,
        accelerator: Accelerator | None = None,
        parallel_devices: Sequence[torch.device] | None = None,
        process_group_backend: str | None = None,
        timeout: timedelta | None = None,
        start_method: Literal["popen", "spawn", "fork", "forkserver"] = "popen",
        **kwargs: Any,
    ) -> None:
        super().__init__(accelerator, parallel_devices)
        self.process_group_backend = process_group_backend
        self.timeout = timeout
        self.start_method = start_method
        self.ddp_kwargs = kwargs
