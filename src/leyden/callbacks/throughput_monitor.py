"""ThroughputMonitor: log how much is processed in a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from leyden.api.callback import Callback
from leyden.callbacks.throughput import Throughput, get_available_flops
from leyden.core.stage import RunningStage, TrainerFn
from leyden.core.warnings import warn

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer


class ThroughputMonitor(Callback):
    """Log batches, samples, items and operations a second, every ``log_every_n_steps``.

    The time of validation inside training counts for validation. With the operations of one batch in the module's
    ``flops_per_batch``, those are logged, too.

    Args:
        batch_size_fn: says how many samples are in a batch.
        length_fn: says how many items are in a batch, such as tokens.
        kwargs: ``window_size`` and ``separator`` of ``leyden.callbacks.throughput.Throughput``.
    """

    def __init__(
        self, batch_size_fn: Callable[[Any], int], length_fn: Callable[[Any], int] | None = None, **kwargs: Any
    ) -> None:
        Throughput(**kwargs)  # finds wrong arguments now
        self.kwargs = kwargs
        self.batch_size_fn = batch_size_fn
        self.length_fn = length_fn
        self.available_flops: float | None = None
        self._throughputs: dict[RunningStage, Throughput] = {}
        self._counts: dict[RunningStage, _Count] = {}
        self._evaluated: dict[TrainerFn, int] = {}  # batches, for the place of a row
        self._kept: dict[str, Any] = {}  # what Throughput needs to know of the run

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        if not hasattr(pl_module, "flops_per_batch"):
            warn(
                "When using the `ThroughputMonitor`, you need to define a `flops_per_batch` attribute or property on "
                f"your module for operations a second; {type(pl_module).__name__} has none."
            )
        precision = trainer.settings.precision
        self.available_flops = get_available_flops(trainer.strategy.root_device, precision.compute or precision.weights)
        self._kept = {"available_flops": self.available_flops, "world_size": trainer.world_size}

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._begin(RunningStage.TRAINING, anew=True)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._evaluated[TrainerFn.FITTING] = 0

    def on_train_batch_end(self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._update(trainer, pl_module, batch, RunningStage.TRAINING)
        step = trainer.logged_steps
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch
        if stepped and _due(trainer, step + 1):
            self._log(trainer, RunningStage.TRAINING, step, {"epoch": trainer.current_epoch})

    def on_validation_start(self, trainer: Trainer, pl_module: Module) -> None:
        if not trainer.sanity_checking:
            self._begin(RunningStage.VALIDATING, anew=trainer.state.fn == TrainerFn.FITTING)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if not trainer.sanity_checking:
            self._evaluate(trainer, pl_module, batch, batch_idx, RunningStage.VALIDATING)

    def on_validation_end(self, trainer: Trainer, pl_module: Module) -> None:
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        # The clock of training stands still from its last batch to the last of validation.
        training, validation = self._counts[RunningStage.TRAINING], self._counts[RunningStage.VALIDATING]
        training.begun += validation.latest - training.latest
        training.latest = validation.latest

    def on_test_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._begin(RunningStage.TESTING)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._evaluate(trainer, pl_module, batch, batch_idx, RunningStage.TESTING)

    def on_predict_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._begin(RunningStage.PREDICTING)

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._evaluate(trainer, pl_module, batch, batch_idx, RunningStage.PREDICTING)

    def _begin(self, stage: RunningStage, anew: bool = False) -> None:
        """Start the clock; evaluations outside of training go on counting where the one before ended."""
        self._throughputs[stage] = Throughput(**{**self._kept, **self.kwargs})
        if anew or stage not in self._counts:
            self._counts[stage] = _Count()
        count = self._counts[stage]
        count.begun = count.latest = time.perf_counter()

    def _update(self, trainer: Trainer, pl_module: Module, batch: Any, stage: RunningStage) -> None:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()  # else the clock would not see what is still being computed
        count = self._counts[stage]
        count.latest = time.perf_counter()
        count.batches += 1
        count.samples += self.batch_size_fn(batch)
        if self.length_fn is not None:
            count.items += self.length_fn(batch)
        self._throughputs[stage].update(
            time=count.latest - count.begun,
            batches=count.batches,
            samples=count.samples,
            lengths=None if self.length_fn is None else count.items,
            flops=getattr(pl_module, "flops_per_batch", None),
        )

    def _evaluate(self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, stage: RunningStage) -> None:
        self._update(trainer, pl_module, batch, stage)
        fn = TrainerFn(trainer.state.fn or stage)
        step = self._evaluated[fn] = self._evaluated.get(fn, 0) + 1
        if _due(trainer, batch_idx + 1):
            self._log(trainer, stage, step, {})

    def _log(self, trainer: Trainer, stage: RunningStage, step: int, more: dict[str, int]) -> None:
        throughput = self._throughputs[stage]
        metrics = {f"{stage.value}{throughput.separator}{name}": v for name, v in throughput.compute().items()}
        for logger in trainer.loggers:
            logger.log_metrics(metrics={**metrics, **more}, step=step)
            logger.save()


@dataclass
class _Count:
    """What was processed in a stage, and from when to when by the clock."""

    batches: int = 0
    samples: int = 0
    items: int = 0
    begun: float = 0.0
    latest: float = 0.0


def _due(trainer: Trainer, steps: int) -> bool:
    every = trainer.log_every_n_steps
    return every > 0 and steps % every == 0
