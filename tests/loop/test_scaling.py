"""Half precision: the loss is scaled, and a step whose gradients overflow is skipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.checkpoint.load import load
from leyden.runtime.precision import PRECISIONS


class Model(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.seen: list[Any] = []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        out = self.layer(batch)
        self.seen.append(out.dtype)
        return out.mean()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        assert self.layer.weight.grad is not None
        self.seen.append(self.layer.weight.grad.clone())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class OwnStep(Model):
    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        assert isinstance(optimizer, torch.optim.SGD)
        optimizer.step(closure=optimizer_closure)


def fit(model: L.Module, folder: Path) -> L.Trainer:
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    # on a CPU the trainer would choose bfloat16; the way through the scaler is the same as on a GPU
    trainer.settings = replace(trainer.settings, precision=PRECISIONS["16-mixed"])
    trainer.fit(model, DataLoader(torch.ones(4, 2), batch_size=2))  # type: ignore[arg-type]
    return trainer


@pytest.mark.parametrize("kind", [Model, OwnStep])
def test_hooks_see_gradients_without_the_scale(kind: type[Model], tmp_path: Path) -> None:
    model = kind()
    trainer = fit(model, tmp_path)
    assert model.seen[0] is torch.float16
    assert torch.equal(model.seen[1], torch.full((1, 2), torch.inf))  # the first scale is too large, so this is skipped
    assert torch.equal(model.seen[3], torch.ones(1, 2))
    assert trainer.global_step == 2


def test_an_overflow_skips_the_step_and_lowers_the_scale(tmp_path: Path) -> None:
    model = Model()
    before = model.layer.weight.clone()
    trainer = fit(model, tmp_path)
    assert trainer.scaler is not None
    assert torch.allclose(model.layer.weight, before - 0.1)  # one step of two
    assert trainer.scaler.get_scale() == 2.0**15


def test_the_scale_is_saved(tmp_path: Path) -> None:
    trainer = fit(Model(), tmp_path)
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    assert load(tmp_path / "one.ckpt")["MixedPrecision"]["scale"] == 2.0**15
