"""Strategy: where a run computes and how its processes agree, as programs ask the trainer for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from leyden.api.module import Module
from leyden.checkpoint import remote_files
from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.data.transfer import move_to_device
from leyden.errors import DetachedError
from leyden.security.paths import remove
from leyden.security.remote import Remote, place_of
from leyden.strategies.accelerator import Accelerator
from leyden.strategies.precision import Precision

if TYPE_CHECKING:
    from leyden.trainer import Trainer

T = TypeVar("T")


class Strategy(ABC):
    """What a program may ask about the devices and processes of a run. In this version a run has one process.

    Args:
        accelerator: what kind of devices.
        checkpoint_io: None; how files are written cannot be changed yet.
        precision_plugin: in which number format to compute.
    """

    strategy_name: ClassVar[str | None] = None
    launcher: ClassVar[None] = None  # nobody: there is one process, the program's own
    restore_checkpoint_after_setup: ClassVar[bool] = False
    lightning_restore_optimizer: ClassVar[bool] = True
    handles_gradient_accumulation: ClassVar[bool] = False
    global_rank: int = 0
    local_rank: int = 0
    node_rank: int = 0
    num_nodes: int = 1

    def __init__(
        self,
        accelerator: Accelerator | None = None,
        checkpoint_io: Any = None,
        precision_plugin: Precision | None = None,
    ) -> None:
        self.accelerator = accelerator
        self.checkpoint_io = checkpoint_io
        self.given_precision = precision_plugin
        self.precision_plugin = precision_plugin or Precision()  # the trainer shows the one in use
        self.lightning_module: Module | None = None
        self.optimizers: list[Optimizer] = []

    @property
    @abstractmethod
    def devices(self) -> tuple[torch.device, ...]:
        """The devices of this machine, one for each of its processes."""

    @property
    @abstractmethod
    def root_device(self) -> torch.device:
        """The device of this process."""

    @property
    @abstractmethod
    def world_size(self) -> int:
        """How many processes there are, on all machines."""

    @property
    def is_global_zero(self) -> bool:
        """Is this the first process of all?"""
        return self.global_rank == 0

    def barrier(self, name: str | None = None) -> None:  # noqa: B027
        """Wait until every process is here."""

    def broadcast(self, obj: T, src: int = 0) -> T:
        """What process ``src`` gave, on every process."""
        return obj

    def reduce(self, tensor: T, group: Any = None, reduce_op: Any = "mean") -> T:
        """The values of all processes as one."""
        return tensor

    def all_gather(self, tensor: Tensor, group: Any = None, sync_grads: bool = False) -> Tensor:
        """The values of all processes, along a new first dimension where there are several."""
        return tensor

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

    def setup_environment(self) -> None:
        """Make the device of this process ready."""
        if self.accelerator is not None:
            self.accelerator.setup_device(self.root_device)

    def setup(self, trainer: Trainer) -> None:  # noqa: B027
        """A run begins; Leyden's prepares itself."""

    def teardown(self) -> None:
        """Move the module off the device."""
        if self.lightning_module is not None:
            self.lightning_module.cpu()

    def model_to_device(self) -> None:
        """Move the module to the device of this process."""
        if self.lightning_module is not None:
            self.lightning_module.to(self.root_device)

    def batch_to_device(self, batch: Any, device: torch.device | None = None, dataloader_idx: int = 0) -> Any:
        """The batch on the device of this process, or on another."""
        return move_to_device(batch, device or self.root_device)

    def process_dataloader(self, dataloader: T) -> T:
        """The loader as this process uses it."""
        return dataloader

    def backward(self, closure_loss: Tensor, optimizer: Optimizer | None = None, *args: Any, **kwargs: Any) -> Tensor:
        """Compute gradients of a loss in a running fit, with the hooks around it and the scaling of the precision.

        Raises:
            DetachedError: no module has been run.
        """
        if self.lightning_module is None:
            raise DetachedError(
                "strategy.backward() works in training_step() of a running fit. Call loss.backward() elsewhere."
            )
        self.lightning_module.manual_backward(closure_loss, *args, **kwargs)
        return closure_loss

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The weights as a checkpoint holds them."""
        return {} if self.lightning_module is None else self.lightning_module.state_dict()

    def save_checkpoint(self, checkpoint: Mapping[str, Any], filepath: str | Path, storage_options: Any = None) -> None:
        """Write what a checkpoint holds, as a whole or not at all."""
        save(checkpoint, filepath)

    def load_checkpoint(self, checkpoint_path: str | Path, weights_only: bool | None = None) -> dict[str, Any]:
        """What a checkpoint holds, read without running code; ``weights_only`` makes no difference."""
        return load(checkpoint_path, map_location="cpu")

    def remove_checkpoint(self, filepath: str | Path) -> None:
        """Remove a checkpoint, where there is one."""
        match place_of(filepath):
            case Remote() as place:
                remote_files.delete(place)
            case Path() as place:
                remove(place)

    def on_exception(self, exception: BaseException) -> None:  # noqa: B027
        """The run is being ended by an exception."""


class SingleDeviceStrategy(Strategy):
    """One process on one device.

    Args:
        device: where it computes.
        accelerator: what kind of device that is.
        checkpoint_io: None; how files are written cannot be changed yet.
        precision_plugin: in which number format to compute.
    """

    strategy_name: ClassVar[str | None] = "single_device"
    world_size: int = 1

    def __init__(
        self,
        device: torch.device | str | int = "cpu",
        accelerator: Accelerator | None = None,
        checkpoint_io: Any = None,
        precision_plugin: Precision | None = None,
    ) -> None:
        super().__init__(accelerator, checkpoint_io, precision_plugin)
        self._root_device = torch.device(device)

    @property
    def devices(self) -> tuple[torch.device, ...]:
        return (self._root_device,)

    @property
    def root_device(self) -> torch.device:
        return self._root_device
