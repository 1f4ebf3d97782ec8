"""Small things that programs count on around a fit."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.core.warnings import LeydenWarning
from leyden.errors import SettingsError


class Model(L.Module):
    def __init__(self, own_limit: float | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.own_limit = own_limit

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).sum()

    def configure_gradient_clipping(self, optimizer: Any, gradient_clip_val: Any, gradient_clip_algorithm: Any) -> None:
        self.clip_gradients(optimizer, self.own_limit or gradient_clip_val, gradient_clip_algorithm)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(model: Model, folder: Path, **arguments: Any) -> L.Trainer:
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **arguments,
    )
    trainer.fit(model, DataLoader(torch.ones(4, 2), batch_size=2))  # type: ignore[arg-type]
    return trainer


def test_parts_in_evaluation_mode_are_named_when_training_begins(tmp_path: Path) -> None:
    model = Model()
    model.layer.eval()
    with pytest.warns(LeydenWarning, match="evaluation mode: 'layer'"):
        fit(model, tmp_path)
    assert not model.layer.training


def test_two_different_limits_of_gradients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gradient_clip_val=0.5.*1.5"):
        fit(Model(own_limit=1.5), tmp_path, gradient_clip_val=0.5)


def test_a_trainer_can_be_copied_after_a_fit(tmp_path: Path) -> None:
    callback = L.Callback()
    trainer = fit(Model(), tmp_path, callbacks=[callback])
    other = copy.deepcopy(trainer)
    assert (other.global_step, other.current_epoch, other.max_epochs) == (2, 1, 1)
    assert other.model is None
    assert [type(item) for item in other.callbacks] == [L.Callback]
    assert other.callbacks[0] is not callback
