"""DeviceStatsMonitor: log how busy the device and the processor are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from leyden.api.callback import Callback
from leyden.core.packages import installed
from leyden.errors import PackageError, SettingsError

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer


class DeviceStatsMonitor(Callback):
    """Log what the accelerator tells about its device, before and after a batch, every ``log_every_n_steps``.

    Of a GPU that is how torch manages its memory. Of the processor it is how much of it, of the memory and of the swap
    space is in use; that needs the package ``psutil``.

    Args:
        cpu_stats: log those of the processor, too. None does where it is the device.
    """

    def __init__(self, cpu_stats: bool | None = None) -> None:
        self._cpu_stats = cpu_stats

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        if not trainer.loggers:
            raise SettingsError(
                "callbacks has a DeviceStatsMonitor, but logger=False leaves it nowhere to log to. "
                "Leave out one of the two."
            )
        if self._counts_processor(trainer) and not installed("psutil"):
            raise PackageError(
                "DeviceStatsMonitor needs psutil to tell about the processor, and it is not installed. Install it with "
                "pip install psutil, or set cpu_stats=False.",
                name="psutil",
            )

    def on_train_batch_start(self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int) -> None:
        self._log(trainer, "on_train_batch_start", trainer.logged_steps)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._log(trainer, "on_train_batch_end", trainer.logged_steps)

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._log(trainer, "on_validation_batch_start", batch_idx)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._log(trainer, "on_validation_batch_end", batch_idx)

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._log(trainer, "on_test_batch_start", batch_idx)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._log(trainer, "on_test_batch_end", batch_idx)

    def _counts_processor(self, trainer: Trainer) -> bool:
        return trainer.strategy.root_device.type == "cpu" if self._cpu_stats is None else self._cpu_stats

    def _log(self, trainer: Trainer, hook: str, done: int) -> None:
        every = trainer.log_every_n_steps
        if not every or (done + 1) % every:
            return
        device, accelerator = trainer.strategy.root_device, trainer.accelerator
        stats = {} if accelerator is None or device.type == "cpu" else accelerator.get_device_stats(device)
        if self._counts_processor(trainer):
            stats = {**stats, **_processor_stats()}
        for logger in trainer.loggers if stats else ():
            logger.log_metrics(
                {f"{type(self).__qualname__}.{hook}{logger.group_separator}{name}": v for name, v in stats.items()},
                step=trainer.logged_steps,
            )


def _processor_stats() -> dict[str, float]:
    psutil = import_module("psutil")
    return {
        "cpu_percent": psutil.cpu_percent(),
        "cpu_vm_percent": psutil.virtual_memory().percent,
        "cpu_swap_percent": psutil.swap_memory().percent,
    }
