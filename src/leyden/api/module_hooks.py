"""The hooks of a module: methods that do nothing until they are overridden, in the order in which a run calls them."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim import Optimizer


class ModuleHooks:
    """Hooks of a module. ``docs/main-path.md`` has them all in the order of a run."""

    def on_fit_start(self) -> None:
        """The model is on its device and the optimizers exist."""

    def on_fit_end(self) -> None:
        """Training is over and the model is back on the CPU."""

    def on_train_start(self) -> None:
        """Training begins."""

    def on_train_end(self) -> None:
        """Training ends."""

    def on_train_epoch_start(self) -> None:
        """A training epoch begins."""

    def on_train_epoch_end(self) -> None:
        """A training epoch ends; its validation has run."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        """A training batch is on the device; return -1 to end the epoch here."""

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A training batch is done; ``outputs`` is what ``training_step`` returned."""

    def on_before_zero_grad(self, optimizer: Optimizer) -> None:
        """Gradients are about to be cleared."""

    def on_before_backward(self, loss: Tensor) -> None:
        """The backward pass is about to start."""

    def on_after_backward(self) -> None:
        """Gradients are there, before clipping."""

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """The optimizer is about to step; gradients are unscaled and not yet clipped."""

    def on_validation_start(self) -> None:
        """Validation begins."""

    def on_validation_end(self) -> None:
        """Validation ends."""

    def on_validation_epoch_start(self) -> None:
        """A pass over the validation loaders begins."""

    def on_validation_epoch_end(self) -> None:
        """A pass over the validation loaders ends; the last place to log for it."""

    def on_validation_batch_start(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """A validation batch is on the device."""

    def on_validation_batch_end(self, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """A validation batch is done."""

    def on_validation_model_zero_grad(self) -> None:
        """Free the gradients before a validation inside training; they are not needed and take memory."""
        self.zero_grad()  # type: ignore[attr-defined]

    def on_validation_model_eval(self) -> None:
        """Put the model in evaluation mode; override it to decide yourself which parts change."""
        self.eval()  # type: ignore[attr-defined]

    def on_validation_model_train(self) -> None:
        """Put the model back in training mode; without an override each part gets the mode back that it had."""
        self.train()  # type: ignore[attr-defined]

    def on_test_start(self) -> None:
        """Testing begins."""

    def on_test_end(self) -> None:
        """Testing ends."""

    def on_test_epoch_start(self) -> None:
        """A pass over the test loaders begins."""

    def on_test_epoch_end(self) -> None:
        """A pass over the test loaders ends."""

    def on_test_batch_start(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """A test batch is on the device."""

    def on_test_batch_end(self, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """A test batch is done."""

    def on_test_model_eval(self) -> None:
        """Put the model in evaluation mode for testing."""
        self.eval()  # type: ignore[attr-defined]

    def on_test_model_train(self) -> None:
        """Put the model back in training mode after testing."""
        self.train()  # type: ignore[attr-defined]

    def on_predict_start(self) -> None:
        """Prediction begins."""

    def on_predict_end(self) -> None:
        """Prediction ends."""

    def on_predict_epoch_start(self) -> None:
        """A pass over the prediction loaders begins."""

    def on_predict_epoch_end(self) -> None:
        """A pass over the prediction loaders ends."""

    def on_predict_batch_start(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """A prediction batch is on the device."""

    def on_predict_batch_end(self, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """A prediction batch is done."""

    def on_predict_model_eval(self) -> None:
        """Put the model in evaluation mode for prediction."""
        self.eval()  # type: ignore[attr-defined]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A checkpoint is about to be written; it may be changed here."""

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A checkpoint was read and is about to be restored; it may be changed here."""
