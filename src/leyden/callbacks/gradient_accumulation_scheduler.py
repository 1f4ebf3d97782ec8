"""GradientAccumulationScheduler: windows of gradient accumulation that change from epoch to epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leyden.api.callback import Callback
from leyden.api.module import Module
from leyden.core.warnings import warn
from leyden.errors import ModuleError, SettingsError

if TYPE_CHECKING:
    from leyden.trainer import Trainer


class GradientAccumulationScheduler(Callback):
    """Change how many batches make an optimizer step, at the start of given epochs.

    Args:
        scheduling: from an epoch, counted from 0, to the number of batches from there on: ``{0: 8, 4: 4, 8: 1}``.
            Before the first of them each batch makes a step.
    """

    def __init__(self, scheduling: Mapping[int, int]) -> None:
        given: object = scheduling
        if not (isinstance(given, Mapping) and given):
            raise SettingsError(
                f"GradientAccumulationScheduler(scheduling={given!r}) says nothing. Give a dict from epoch to "
                "number of batches, such as {0: 8, 4: 4}."
            )
        for epoch, batches in scheduling.items():
            _check("epoch", epoch, 0, scheduling)
            _check("number of batches", batches, 1, scheduling)
        self.scheduling: dict[int, int] = {0: 1, **scheduling}
        self.epochs = sorted(self.scheduling)
        self._current: int | None = None  # what it has set

    def going_to_accumulate_grad_batches(self) -> bool:
        """Is there an epoch in which a step takes more than one batch?"""
        return any(batches > 1 for batches in self.scheduling.values())

    def get_accumulate_grad_batches(self, epoch: int) -> int:
        """How many batches make a step in this epoch."""
        return self.scheduling[max(begun for begun in self.epochs if begun <= epoch)]

    def check_alone(self, accumulate_grad_batches: int) -> None:
        """Find that the trainer was told a number of batches of its own.

        Raises:
            SettingsError: it was.
        """
        if accumulate_grad_batches not in (1, self._current):
            raise SettingsError(
                f"accumulate_grad_batches={accumulate_grad_batches}, but callbacks has a "
                "GradientAccumulationScheduler, which sets it. Leave out accumulate_grad_batches, or the callback."
            )

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        if stage == "fit":
            self.check_alone(trainer.accumulate_grad_batches)

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:
        if not pl_module.automatic_optimization:
            raise ModuleError(
                f"callbacks has a GradientAccumulationScheduler, but {type(pl_module).__name__} sets "
                "automatic_optimization=False, so it steps when it wants. Accumulate in training_step(), and leave out "
                "the callback."
            )
        if self.going_to_accumulate_grad_batches() and _steps_itself(pl_module):
            warn(
                f"{type(pl_module).__name__} overrides optimizer_step() or optimizer_zero_grad(). With a "
                "GradientAccumulationScheduler these are called once for each window of batches."
            )
        if trainer.ckpt_path is not None:
            self._set(trainer)  # a run that goes on inside an epoch does not start it again

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._set(trainer)

    def _set(self, trainer: Trainer) -> None:
        self._current = self.get_accumulate_grad_batches(trainer.current_epoch)
        trainer.accumulate_grad_batches = self._current


def _steps_itself(module: Module) -> bool:
    own = type(module)
    return own.optimizer_step is not Module.optimizer_step or own.optimizer_zero_grad is not Module.optimizer_zero_grad


def _check(what: str, value: Any, least: int, scheduling: Mapping[int, int]) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(
            f"GradientAccumulationScheduler(scheduling={dict(scheduling)!r}) has {value!r}, which is no {what}. Use a "
            f"whole number from {least}."
        )
