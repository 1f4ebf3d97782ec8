"""A method that is set to None counts as one that is not there, as programs that switch a step off expect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.core.warnings import LeydenRuntimeWarning, LeydenWarning
from leyden.errors import ModuleError


class Model(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.validated = 0

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.validated += 1

    def on_train_start(self) -> None:
        raise AssertionError("set to None below")

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(folder: Path) -> L.Trainer:
    return L.Trainer(accelerator="cpu", fast_dev_run=1, enable_progress_bar=False, default_root_dir=folder)


def loader() -> DataLoader[Any]:
    return DataLoader(torch.ones(2, 2), batch_size=2)  # type: ignore[arg-type]


def test_without_a_validation_step_nothing_is_validated(tmp_path: Path) -> None:
    model = Model()
    model.on_train_start = model.validation_step = None  # type: ignore[assignment]
    with pytest.warns(LeydenWarning, match=r"no validation_step\(\)"):
        trainer(tmp_path).fit(model, loader(), loader())
    assert model.validated == 0


@pytest.mark.parametrize("name", ["training_step", "configure_optimizers"])
def test_without_what_training_needs_it_does_not_begin(name: str, tmp_path: Path) -> None:
    model = Model()
    setattr(model, name, None)
    with pytest.raises(ModuleError, match=name):
        trainer(tmp_path).fit(model, loader(), loader())


def test_a_prediction_step_that_is_none_is_an_error_though_there_is_a_forward(tmp_path: Path) -> None:
    model = Model()
    model.predict_step = None  # type: ignore[assignment]
    model.forward = lambda batch: batch  # type: ignore[method-assign]
    with pytest.raises(ModuleError, match="predict_step of Model is None"):
        trainer(tmp_path).predict(model, loader())


def test_a_scheduler_key_without_a_meaning_is_reported_as_programs_expect(tmp_path: Path) -> None:
    class Scheduled(Model):
        on_train_start = L.Module.on_train_start

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "color": "blue"}}

    with pytest.warns(LeydenRuntimeWarning, match="color"):
        trainer(tmp_path).fit(Scheduled(), loader(), loader())
