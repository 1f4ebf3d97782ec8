"""What the trainer is doing: the three enums that programs compare with.

They are strings, so that ``trainer.state.fn == "fit"`` holds and a checkpoint stores plain text.
"""

from __future__ import annotations

from enum import Enum


class TextEnum(str, Enum):
    """A string enum: equal to its value and printed as it (Python 3.10 has no StrEnum)."""

    def __str__(self) -> str:
        return str(self.value)

    __hash__ = str.__hash__


class TrainerFn(TextEnum):
    """Which of the four entry points is running."""

    FITTING = "fit"
    VALIDATING = "validate"
    TESTING = "test"
    PREDICTING = "predict"


class RunningStage(TextEnum):
    """Which loop is running now; inside ``fit`` it changes between training and validation."""

    TRAINING = "train"
    SANITY_CHECKING = "sanity_check"
    VALIDATING = "validate"
    TESTING = "test"
    PREDICTING = "predict"

    @property
    def evaluating(self) -> bool:
        return self in (RunningStage.VALIDATING, RunningStage.TESTING, RunningStage.SANITY_CHECKING)

    @property
    def dataloader_prefix(self) -> str | None:
        """How loaders of the stage are named: ``train_dataloader``, ``val_dataloader``, …"""
        if self in (RunningStage.VALIDATING, RunningStage.SANITY_CHECKING):
            return "val"
        return str(self.value)


class TrainerStatus(TextEnum):
    """How far the entry point has come."""

    INITIALIZING = "initializing"
    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"

    @property
    def stopped(self) -> bool:
        return self in (TrainerStatus.FINISHED, TrainerStatus.INTERRUPTED)
