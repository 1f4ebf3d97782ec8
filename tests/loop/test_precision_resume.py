"""A run resumes in its own precision, and in another one with a word about it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.core.warnings import LeydenWarning


class Model(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).float().pow(2).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.1)


def fit(folder: Path, precision: str, max_epochs: int, ckpt_path: Path | None = None) -> tuple[L.Trainer, Model]:
    model = Model()
    trainer = L.Trainer(
        accelerator="cpu",
        precision=precision,
        max_epochs=max_epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(model, DataLoader(torch.ones(4, 2), 2), ckpt_path=ckpt_path)  # type: ignore[arg-type]
    return trainer, model


def test_a_bf16_run_resumes_bit_for_bit(tmp_path: Path) -> None:
    torch.manual_seed(1)
    trainer, _ = fit(tmp_path, "bf16-true", 1)
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    torch.manual_seed(1)
    _, whole = fit(tmp_path, "bf16-true", 2)
    _, resumed = fit(tmp_path, "bf16-true", 2, tmp_path / "one.ckpt")
    assert resumed.layer.weight.dtype is torch.bfloat16
    assert torch.equal(resumed.layer.weight, whole.layer.weight)


def test_weights_of_another_precision_are_converted_with_a_warning(tmp_path: Path) -> None:
    trainer, _ = fit(tmp_path, "32-true", 1)
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    with pytest.warns(LeydenWarning, match="float32 to torch.float64"):
        _, resumed = fit(tmp_path, "64-true", 2, tmp_path / "one.ckpt")
    assert resumed.layer.weight.dtype is torch.float64
