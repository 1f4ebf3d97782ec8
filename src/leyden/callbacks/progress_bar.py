"""ProgressBar: the base of what shows how far a run is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leyden.api.callback import Callback
from leyden.core.warnings import warn
from leyden.errors import DetachedError
from leyden.redaction import shown_name

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.loggers.logger import Logger
    from leyden.trainer import Trainer

_VERSION_LENGTH = 4


class ProgressBar(Callback):
    """Base of progress bars: subclass it and override the hooks that draw. A trainer has at most one.

    It counts for you: ``total_train_batches`` and its like say how many batches there are, ``get_metrics`` what to show
    beside them.
    """

    _trainer: Trainer | None = None
    _current_eval_dataloader_idx: int | None = None

    def __init__(self) -> None:
        self._trainer = None
        self._current_eval_dataloader_idx = None

    @property
    def trainer(self) -> Trainer:
        """The trainer that this bar belongs to."""
        if self._trainer is None:
            raise DetachedError(f"{type(self).__name__} has no trainer yet. It gets one in setup(), when a run begins.")
        return self._trainer

    @property
    def sanity_check_description(self) -> str:
        """What stands before the bar of the validation that comes before training."""
        return "Sanity Checking"

    @property
    def train_description(self) -> str:
        """What stands before the bar of training, until the first epoch begins."""
        return "Training"

    @property
    def validation_description(self) -> str:
        """What stands before the bar of validation."""
        return "Validation"

    @property
    def test_description(self) -> str:
        """What stands before the bar of testing."""
        return "Testing"

    @property
    def predict_description(self) -> str:
        """What stands before the bar of prediction."""
        return "Predicting"

    @property
    def total_train_batches(self) -> int | float:
        """Batches of this epoch; infinity where the loader has no length."""
        trainer = self.trainer
        if trainer.max_epochs == -1 and trainer.max_steps > 0:
            return min(trainer.num_training_batches, trainer.max_steps - trainer.global_step)
        return trainer.num_training_batches

    @property
    def total_val_batches(self) -> int | float:
        """Batches of one validation, over all loaders; 0 in an epoch that has none."""
        every = self.trainer.check_val_every_n_epoch
        due = every is None or (self.trainer.current_epoch + 1) % every == 0
        return sum(self.trainer.num_val_batches) if due else 0

    @property
    def total_val_batches_current_dataloader(self) -> int | float:
        """Batches of the validation loader that is running."""
        trainer = self.trainer
        batches = trainer.num_sanity_val_batches if trainer.sanity_checking else trainer.num_val_batches
        return batches[self._dataloader_idx()]

    @property
    def total_test_batches_current_dataloader(self) -> int | float:
        """Batches of the test loader that is running."""
        return self.trainer.num_test_batches[self._dataloader_idx()]

    @property
    def total_predict_batches_current_dataloader(self) -> int | float:
        """Batches of the prediction loader that is running."""
        return self.trainer.num_predict_batches[self._dataloader_idx()]

    def has_dataloader_changed(self, dataloader_idx: int) -> bool:
        """Is this the first batch of another loader? Asking takes note of the loader."""
        changed = dataloader_idx != self._current_eval_dataloader_idx
        if changed:
            self._current_eval_dataloader_idx = dataloader_idx
        return changed

    def reset_dataloader_idx_tracker(self) -> None:
        """Forget which loader is running, at the end of an evaluation."""
        self._current_eval_dataloader_idx = None

    def disable(self) -> None:
        """Show nothing from here on; called on all processes but the first."""
        raise NotImplementedError(f"{type(self).__name__} must say what disable() means.")

    def enable(self) -> None:
        """Show progress again."""
        raise NotImplementedError(f"{type(self).__name__} must say what enable() means.")

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print without breaking the bar; override it where an ordinary print would."""
        print_plainly(*args, **kwargs)

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        self._trainer = trainer
        if not trainer.is_global_zero:
            self.disable()

    def get_metrics(self, trainer: Trainer, pl_module: Module) -> dict[str, int | str | float | dict[str, float]]:
        """What to show beside the bar: the logger's version as ``v_num``, and what was logged with ``prog_bar=True``.

        Override it to show more, or to leave something out.
        """
        shown = standard_metrics(trainer)
        metrics: Mapping[str, Any] = trainer.progress_bar_metrics
        for name in shown.keys() & metrics.keys():
            warn(
                f"The metric {name!r} takes the place of what the progress bar shows under that name. "
                "Give it another name in self.log(), or override get_metrics() of the progress bar."
            )
        return {**shown, **{shown_name(name): value for name, value in metrics.items()}}

    def _dataloader_idx(self) -> int:
        if self._current_eval_dataloader_idx is None:
            raise DetachedError("No evaluation is running, so no loader is. Ask for its batches in a batch hook.")
        return self._current_eval_dataloader_idx


def print_plainly(*args: Any, **kwargs: Any) -> None:
    """What ``print`` does."""
    print(*args, **kwargs)  # noqa: T201 - the user's own words, and the summary


def standard_metrics(trainer: Trainer) -> dict[str, Any]:
    """What every bar shows beside what was logged: the logger's version as ``v_num``."""
    version = _version_text(trainer.loggers)
    return {} if version is None else {"v_num": version}


def _version_text(loggers: list[Logger]) -> int | str | None:
    """The version of the only logger, or the end of all their versions."""
    versions = [logger.version for logger in loggers if logger.version not in (None, "")]
    if not versions:
        return None
    if len(versions) == 1:
        return versions[0] if not isinstance(versions[0], str) else versions[0][-_VERSION_LENGTH:]
    return "_".join(map(str, versions))[-_VERSION_LENGTH:]
