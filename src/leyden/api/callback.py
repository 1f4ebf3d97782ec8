"""Callback: code that listens to a run, kept apart from the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from leyden.core.hooks import CALLBACK_HOOKS, Attached
from leyden.core.warnings import warn

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from leyden.api.module import Module
    from leyden.trainer import Trainer


class Callback:
    """Base of everything that listens to a run. Override the hooks that you need; the others cost nothing.

    The order of all hooks is on one page: ``docs/main-path.md``. Callbacks are called in the order of
    ``Trainer(callbacks=...)``, before the module; only ``on_train_epoch_end`` of a monitoring callback comes after the
    module's own.
    """

    monitors: ClassVar[bool] = False
    """True for callbacks that act on metrics (early stopping, checkpoints): they are last in ``on_train_epoch_end``."""

    saves: ClassVar[bool] = False
    """True for callbacks that save checkpoints: they are last in the list."""

    catches_up: ClassVar[bool] = False
    """True for callbacks whose ``on_validation_end`` and ``on_train_epoch_end`` need nothing that only memory has.

    Where another callback saved in one of these hooks before it was this one's turn, a run that goes on from there
    calls it first of all.
    """

    _attached: Attached | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in CALLBACK_HOOKS and self._attached is not None:
            self._attached.rebuild()  # a hook that is set on the object while it runs counts from here on

    def __getstate__(self) -> dict[str, Any]:
        """Copies and spawned processes get the callback without the run that it listens to."""
        return {**self.__dict__, "_attached": None}

    @property
    def state_key(self) -> str:
        """Names this callback's state in a checkpoint; override it where one program has several of a class."""
        return type(self).__qualname__

    def _generate_state_key(self, **kwargs: Any) -> str:
        """The state key of a callback that may appear several times, told apart by its arguments."""
        return f"{type(self).__qualname__}{kwargs!r}"

    @property
    def log(self) -> Callable[..., None]:
        """Log a metric from a callback: the arguments of ``Module.log``, in any hook where that is allowed."""
        return self._lent("log")

    @property
    def log_dict(self) -> Callable[..., None]:
        """Log several metrics at once: the arguments of ``Module.log_dict``."""
        return self._lent("log_dict")

    def _lent(self, method: str) -> Callable[..., None]:
        # What a trainer lends is no method of this class: programs take those for the names of its hooks.
        if self._attached is not None:
            return cast("Callable[..., None]", getattr(self._attached.log, method))
        said = f"{type(self).__name__}.{method}() does nothing, since no trainer runs this callback."
        return lambda *_, **__: warn(said)

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        """Called before the run begins; ``stage`` is fit, validate, test or predict."""

    def teardown(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        """Called when the run is over, after an error too."""

    def on_fit_start(self, trainer: Trainer, pl_module: Module) -> None:
        """The model is on its device and the optimizers exist."""

    def on_fit_end(self, trainer: Trainer, pl_module: Module) -> None:
        """Training is over and the model is back on the CPU."""

    def on_sanity_check_start(self, trainer: Trainer, pl_module: Module) -> None:
        """The validation batches that are run before training begin."""

    def on_sanity_check_end(self, trainer: Trainer, pl_module: Module) -> None:
        """The validation batches that are run before training are done."""

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:
        """Training begins."""

    def on_train_end(self, trainer: Trainer, pl_module: Module) -> None:
        """Training ends."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        """A training epoch begins."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        """A training epoch ends; its validation has run."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int) -> None:
        """A training batch is on the device."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A training batch is done; ``outputs`` is what ``training_step`` returned."""

    def on_before_zero_grad(self, trainer: Trainer, pl_module: Module, optimizer: Optimizer) -> None:
        """Gradients are about to be cleared."""

    def on_before_backward(self, trainer: Trainer, pl_module: Module, loss: Tensor) -> None:
        """The backward pass is about to start."""

    def on_after_backward(self, trainer: Trainer, pl_module: Module) -> None:
        """Gradients are there, before clipping."""

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Module, optimizer: Optimizer) -> None:
        """The optimizer is about to step; gradients are unscaled and not yet clipped."""

    def on_validation_start(self, trainer: Trainer, pl_module: Module) -> None:
        """Validation begins."""

    def on_validation_end(self, trainer: Trainer, pl_module: Module) -> None:
        """Validation ends; its metrics are in ``trainer.callback_metrics``."""

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        """A pass over the validation loaders begins."""

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        """A pass over the validation loaders ends; the last place to log for it."""

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """A validation batch is on the device."""

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """A validation batch is done."""

    def on_test_start(self, trainer: Trainer, pl_module: Module) -> None:
        """Testing begins."""

    def on_test_end(self, trainer: Trainer, pl_module: Module) -> None:
        """Testing ends."""

    def on_test_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        """A pass over the test loaders begins."""

    def on_test_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        """A pass over the test loaders ends."""

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """A test batch is on the device."""

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """A test batch is done."""

    def on_predict_start(self, trainer: Trainer, pl_module: Module) -> None:
        """Prediction begins."""

    def on_predict_end(self, trainer: Trainer, pl_module: Module) -> None:
        """Prediction ends."""

    def on_predict_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        """A pass over the prediction loaders begins."""

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        """A pass over the prediction loaders ends."""

    def on_predict_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """A prediction batch is on the device."""

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """A prediction batch is done."""

    def on_exception(self, trainer: Trainer, pl_module: Module, exception: BaseException) -> None:
        """The run is being ended by an exception."""

    def state_dict(self) -> dict[str, Any]:
        """What this callback wants back when the run is resumed: plain data and tensors."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""

    def on_save_checkpoint(self, trainer: Trainer, pl_module: Module, checkpoint: dict[str, Any]) -> None:
        """A checkpoint is about to be written; it may be changed here."""

    def on_load_checkpoint(self, trainer: Trainer, pl_module: Module, checkpoint: dict[str, Any]) -> None:
        """A checkpoint was read and is about to be restored."""
