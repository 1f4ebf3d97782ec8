"""Strategies for several processes. This version configures them, and runs them where one process is all there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal

import torch

from leyden.errors import DetachedError
from leyden.strategies.accelerator import Accelerator
from leyden.strategies.precision import Precision
from leyden.strategies.strategy import Strategy


class ParallelStrategy(Strategy):
    """Several processes, each on a device of its own.

    Args:
        accelerator: what kind of devices.
        parallel_devices: the devices of this machine; the trainer fills in what is left out.
        cluster_environment: None; what starts the processes cannot be chosen yet.
        checkpoint_io: None; how files are written cannot be changed yet.
        precision_plugin: in which number format to compute.
    """

    def __init__(
        self,
        accelerator: Accelerator | None = None,
        parallel_devices: Sequence[torch.device] | None = None,
        cluster_environment: Any = None,
        checkpoint_io: Any = None,
        precision_plugin: Precision | None = None,
    ) -> None:
        super().__init__(accelerator, checkpoint_io, precision_plugin)
        self.parallel_devices = None if parallel_devices is None else [*parallel_devices]
        self.cluster_environment = cluster_environment

    @property
    def devices(self) -> tuple[torch.device, ...]:
        if not self.parallel_devices:
            raise DetachedError(
                f"{type(self).__name__} has no devices yet. Give it to a Trainer, which finds them, or pass "
                "parallel_devices."
            )
        return tuple(self.parallel_devices)

    @property
    def root_device(self) -> torch.device:
        return self.devices[self.local_rank]

    @property
    def num_processes(self) -> int:
        """How many processes there are on this machine."""
        return len(self.parallel_devices or ())

    @property
    def world_size(self) -> int:
        return self.num_nodes * self.num_processes

    @property
    def distributed_sampler_kwargs(self) -> dict[str, int]:
        """What a ``DistributedSampler`` is to be told: how many processes share the data, and which one this is."""
        return {"num_replicas": self.world_size, "rank": self.global_rank}


class DDPStrategy(ParallelStrategy):
    """A copy of the model on each device, with gradients averaged.

    Args:
        accelerator: what kind of devices.
        parallel_devices: the devices of this machine; the trainer fills in what is left out.
        cluster_environment: None; what starts the processes cannot be chosen yet.
        checkpoint_io: None; how files are written cannot be changed yet.
        precision_plugin: in which number format to compute.
        ddp_comm_state: what ``ddp_comm_hook`` keeps.
        ddp_comm_hook: how gradients are averaged; torch has some.
        ddp_comm_wrapper: wraps ``ddp_comm_hook``.
        model_averaging_period: steps between two averages of the weights, for torch's local SGD.
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
        cluster_environment: Any = None,
        checkpoint_io: Any = None,
        precision_plugin: Precision | None = None,
        ddp_comm_state: object | None = None,
        ddp_comm_hook: Callable[..., Any] | None = None,
        ddp_comm_wrapper: Callable[..., Any] | None = None,
        model_averaging_period: int | None = None,
        process_group_backend: str | None = None,
        timeout: timedelta | None = timedelta(minutes=30),
        start_method: Literal["popen", "spawn", "fork", "forkserver"] = "popen",
        **kwargs: Any,
    ) -> None:
        super().__init__(accelerator, parallel_devices, cluster_environment, checkpoint_io, precision_plugin)
        self.ddp_comm_state = ddp_comm_state
        self.ddp_comm_hook = ddp_comm_hook
        self.ddp_comm_wrapper = ddp_comm_wrapper
        self.model_averaging_period = model_averaging_period
        self.process_group_backend = process_group_backend
        self.timeout = timeout
        self.start_method = start_method
        self.ddp_kwargs = kwargs
