"""A module that logs the scores it is told to, and a way to train it that leaves nothing but files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

import leyden as L
from leyden.callbacks import Callback, Checkpoint, ModelCheckpoint


class Scripted(L.Module):
    """Logs one of ``val`` for each validation, one of ``train`` for each epoch, and the step; the last scores go on."""

    def __init__(
        self, val: Sequence[float] = (), train: Sequence[float] = (), name: str = "val", fails_at: int | None = None
    ) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.val, self.train_scores, self.name, self.fails_at = val, train, name, fails_at
        self.register_buffer("validations", torch.tensor(0))  # goes on where a checkpoint was made

    def training_step(self, batch, batch_idx):
        if self.global_step == self.fails_at:
            raise RuntimeError("it fails")
        if self.train_scores:
            self.log("train", self._score(self.train_scores, self.current_epoch), on_step=False, on_epoch=True)
        self.log("seen", float(self.global_step))
        return self.layer(batch[0]).pow(2).mean()

    def validation_step(self, batch, batch_idx):
        if self.val and not self.trainer.sanity_checking:
            self.log(self.name, self._score(self.val, int(self.validations)))

    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking:
            self.validations += 1

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)

    def _score(self, scores: Sequence[float], index: int) -> torch.Tensor:
        return torch.tensor(float(scores[min(index, len(scores) - 1)]))


def batches(count: int) -> DataLoader[Any]:
    return DataLoader(TensorDataset(torch.ones(count, 2)), batch_size=1)


def train(
    root: Path,
    module: Scripted,
    *callbacks: Callback,
    size: int = 4,
    validation: int = 1,
    ckpt_path: str | None = None,
    **settings: Any,
) -> L.Trainer:
    """Fit with epochs of ``size`` batches and validations of ``validation``; no validation at all if that is 0."""
    defaults = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "max_epochs": 3}
    if not any(isinstance(callback, Checkpoint) for callback in callbacks):
        defaults["enable_checkpointing"] = False
    if not validation:
        defaults["limit_val_batches"] = 0
    trainer = L.Trainer(accelerator="cpu", default_root_dir=root, callbacks=list(callbacks), **(defaults | settings))
    trainer.fit(module, batches(size), batches(validation), ckpt_path=ckpt_path)
    return trainer


def files(root: Path) -> list[str]:
    """All files beneath a directory; a link with what it points to."""
    return sorted(
        path.relative_to(root).as_posix() + (f" -> {path.readlink()}" if path.is_symlink() else "")
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    )


def saver(root: Path, **settings: Any) -> ModelCheckpoint:
    """Saves to ``ckpts`` beneath the root."""
    return ModelCheckpoint(**({"dirpath": root / "ckpts"} | settings))


def kept(root: Path, *scores: float, **settings: Any) -> tuple[ModelCheckpoint, list[str]]:
    """Train an epoch of two steps for each of the scores; what is left in the end."""
    checkpoint = saver(root, **({"monitor": "val"} | settings))
    train(root, Scripted(scores), checkpoint, size=2, max_epochs=len(scores))
    return checkpoint, files(root / "ckpts")
