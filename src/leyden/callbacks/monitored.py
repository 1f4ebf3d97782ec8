"""What the callbacks that monitor a metric have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from leyden.callbacks.topk import Mode
from leyden.errors import SettingsError

if TYPE_CHECKING:
    from leyden.trainer import Trainer


def check_mode(mode: Any) -> Mode:
    """Whether less or more is better, if it is one of the two.

    Raises:
        SettingsError: it is neither.
    """
    if mode == "min":
        return "min"
    if mode == "max":
        return "max"
    raise SettingsError(f"mode={mode!r} must be 'min' (less is better, as for a loss) or 'max' (more is better).")


def not_logged(owner: str, metric: str, available: Iterable[str]) -> str:
    """The message for a metric that nobody has logged."""
    names = ", ".join(repr(name) for name in available) or "none"
    return (
        f"{owner} monitors {metric!r}, which has not been logged. Metrics there are at this point: {names}. "
        f"Log it with self.log({metric!r}, value) in validation_step() or training_step(), or monitor one of those."
    )


def acts_after_training_epoch(trainer: Trainer) -> bool:
    """Are metrics complete at the end of a training epoch, rather than at the end of each validation?

    They are where validation ends every epoch or never runs. Where it runs more or less often, its end is the point.
    """
    sizes = trainer.num_val_batches  # empty until validation is first prepared
    if not trainer.enable_validation or (sizes and not any(sizes)):
        return True
    return trainer.check_val_every_n_epoch == 1 and trainer.val_check_interval == 1.0


def outside_training(trainer: Trainer) -> bool:
    """Is this not training proper: validation or test alone, the sanity check, or a development run?"""
    return bool(trainer.state.fn != "fit" or trainer.sanity_checking or trainer.fast_dev_run)
