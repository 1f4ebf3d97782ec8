from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import leyden as L
from leyden.callbacks.model_summary import ModelSummary


class Line(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch, batch_idx):
        return self.layer(batch[0]).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(*callbacks: L.Callback, module: L.Module | None = None, **settings: Any) -> None:
    fixed = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = L.Trainer(**fixed, max_epochs=1, callbacks=list(callbacks), **settings)
    trainer.fit(module or Line(), DataLoader(TensorDataset(torch.ones(1, 4))))


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="leyden")
    return caplog


def test_the_table_is_shown_once_when_training_starts(logged):
    fit()
    (message,) = [record.getMessage() for record in logged.records if "parameters in total" in record.getMessage()]
    assert "0  layer  Linear" in message


@pytest.mark.parametrize("ways", [{"callbacks": [ModelSummary(max_depth=0)]}, {"enable_model_summary": False}])
def test_it_can_be_turned_off(logged, ways):
    fit(*ways.pop("callbacks", []), **ways)
    assert "parameters in total" not in logged.text


def test_a_program_without_logging_is_shown_the_table(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    fit()
    assert "0  layer  Linear" in capsys.readouterr().out


def test_a_program_that_raises_the_level_is_not(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger("leyden"), "level", logging.ERROR)
    fit()
    assert "parameters in total" not in capsys.readouterr().out


def test_a_subclass_presents_the_table_in_its_own_way():
    seen: dict[str, Any] = {}

    class Mine(ModelSummary):
        @staticmethod
        def summarize(summary_data, total_parameters, trainable_parameters, model_size, total_training_modes, **kwargs):
            seen.update(kwargs, columns=dict(summary_data), total=total_parameters, trainable=trainable_parameters)
            seen.update(size=model_size, modes=total_training_modes)

    module = Line()
    module.layer.bias.requires_grad_(False)
    fit(Mine(max_depth=2, colour="blue"), module=module)
    assert seen == {
        "columns": {" ": ["0"], "Name": ["layer"], "Type": ["Linear"], "Params": ["5  "], "Mode": ["train"]},
        "total": 5,
        "trainable": 4,
        "size": 20 / 1e6,
        "modes": {"train": 1, "eval": 0},
        "total_flops": 0,
        "colour": "blue",
    }
