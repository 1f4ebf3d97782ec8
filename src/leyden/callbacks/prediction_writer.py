"""BasePredictionWriter: write predictions away as they are made, or all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from leyden.api.callback import Callback
from leyden.core.stage import TextEnum
from leyden.errors import SettingsError

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer


class WriteInterval(TextEnum):
    """When predictions are written."""

    BATCH = "batch"
    EPOCH = "epoch"
    BATCH_AND_EPOCH = "batch_and_epoch"

    @property
    def on_batch(self) -> bool:
        return self in (WriteInterval.BATCH, WriteInterval.BATCH_AND_EPOCH)

    @property
    def on_epoch(self) -> bool:
        return self in (WriteInterval.EPOCH, WriteInterval.BATCH_AND_EPOCH)


class BasePredictionWriter(Callback):
    """Base of callbacks that write predictions: subclass it and override one or both of its two methods.

    Call ``trainer.predict(..., return_predictions=False)`` to keep no predictions in memory beside what is written at
    the end of the epoch.

    Args:
        write_interval: "batch" calls ``write_on_batch_end``, "epoch" ``write_on_epoch_end``, "batch_and_epoch" both.
    """

    def __init__(self, write_interval: Literal["batch", "epoch", "batch_and_epoch"] = "batch") -> None:
        if write_interval not in tuple(WriteInterval):
            raise SettingsError(
                f"{type(self).__name__}(write_interval={write_interval!r}) is no interval. Use 'batch', 'epoch' or "
                "'batch_and_epoch'."
            )
        self.interval = WriteInterval(write_interval)

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: Module,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write the prediction of one batch.

        ``batch_indices`` are the places of its samples in the dataset, empty where the loader does not tell them.
        """
        raise NotImplementedError(_unwritten(self, "write_on_batch_end"))

    def write_on_epoch_end(
        self, trainer: Trainer, pl_module: Module, predictions: Sequence[Any], batch_indices: Sequence[Any]
    ) -> None:
        """Write all predictions: one for each batch, or a list of them for each loader where there are several.

        ``batch_indices`` holds, for each loader and batch, the places of the samples in the dataset.
        """
        raise NotImplementedError(_unwritten(self, "write_on_epoch_end"))

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self.interval.on_batch:
            indices = trainer.predict_loop.current_batch_indices
            self.write_on_batch_end(trainer, pl_module, outputs, indices, batch, batch_idx, dataloader_idx)

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        if self.interval.on_epoch:
            loop = trainer.predict_loop
            self.write_on_epoch_end(trainer, pl_module, loop.predictions, loop.epoch_batch_indices)


def _unwritten(writer: BasePredictionWriter, method: str) -> str:
    return (
        f"{type(writer).__name__} writes at interval {writer.interval.value!r} and has no {method}(). Define it, or "
        "choose another write_interval."
    )
