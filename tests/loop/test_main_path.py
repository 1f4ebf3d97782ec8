"""docs/main-path.md says in which order everything is called; these tests hold the page against a run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.core.hooks import CALLBACK_HOOKS, MODULE_HOOKS

PAGE = Path(__file__).parents[2] / "docs" / "main-path.md"
DATA_HOOKS = (
    "prepare_data",
    "setup",
    "teardown",
    "train_dataloader",
    "val_dataloader",
    "test_dataloader",
    "predict_dataloader",
    "on_before_batch_transfer",
    "transfer_batch_to_device",
    "on_after_batch_transfer",
)
MODULE_METHODS = (
    *sorted(MODULE_HOOKS),
    "setup",
    "teardown",
    "prepare_data",
    "configure_callbacks",
    "configure_model",
    "configure_optimizers",
    "configure_gradient_clipping",
    "training_step",
    "validation_step",
    "test_step",
    "predict_step",
    "backward",
    "optimizer_step",
    "optimizer_zero_grad",
    "lr_scheduler_step",
    "on_save_checkpoint",
    "on_load_checkpoint",
)
CALLBACK_METHODS = (
    *sorted(CALLBACK_HOOKS),
    "setup",
    "teardown",
    "state_dict",
    "load_state_dict",
    "on_save_checkpoint",
    "on_load_checkpoint",
)


class Model(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.layer(batch)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("val", self.layer(batch).sum())

    def test_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.layer(batch)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


class Data(L.DataModule):
    def _loader(self) -> DataLoader[torch.Tensor]:
        return DataLoader(torch.ones(2, 2), batch_size=2)  # type: ignore[arg-type]

    train_dataloader = val_dataloader = test_dataloader = predict_dataloader = _loader


class Watcher(L.Callback):
    """Has a state, so that it is asked for when a checkpoint is made."""

    def state_dict(self) -> dict[str, Any]:
        return {"seen": 1}


def watched(cls: type, who: str, names: tuple[str, ...], trace: list[str]) -> Any:
    """An object of a subclass of ``cls`` that writes every call of the named methods into the trace."""

    def recording(name: str) -> Callable[..., Any]:
        original = getattr(cls, name)

        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            trace.append(f"{who}.{name}")
            return original(self, *args, **kwargs)

        return method

    return type(cls.__name__, (cls,), {name: recording(name) for name in names})()


def record(folder: Path) -> dict[str, list[str]]:
    """The calls of a fit with one sanity batch, one epoch of one batch and a validation; of test and the rest."""
    trace: list[str] = []
    model = watched(Model, "module", MODULE_METHODS, trace)
    data = watched(Data, "datamodule", (*DATA_HOOKS, "on_exception"), trace)
    callback = watched(Watcher, "callback", CALLBACK_METHODS, trace)
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    traces = {}

    def taken(name: str) -> None:
        traces[name] = list(trace)
        trace.clear()

    trainer.fit(model, datamodule=data)
    taken("fit")
    trainer.test(model, datamodule=data, verbose=False)
    taken("test")
    trainer.predict(model, datamodule=data)
    taken("predict")
    trainer.save_checkpoint(folder / "made.ckpt")
    taken("save")
    trainer.fit(model, datamodule=data, ckpt_path=folder / "made.ckpt")
    calls = list(trace)
    trace.clear()
    traces["resume"] = calls[calls.index("module.configure_model") : calls.index("module.on_fit_start") + 1]
    model.configure_optimizers = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        trainer.fit(model, datamodule=data)
    traces["error"] = trace[trace.index("module.configure_model") :]
    return traces


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return record(tmp_path_factory.mktemp("main-path"))


def on_the_page(section: str) -> list[str]:
    """The calls of the page's block with this name, in order."""
    block = re.search(rf"```text {section}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None, f"no block '{section}' in {PAGE.name}"
    return re.findall(r"^ +(\w+\.\w+)", block[1], re.MULTILINE)


@pytest.mark.parametrize("section", ["fit", "test", "predict", "save", "resume", "error"])
def test_the_page_has_the_order_of_calls(section: str, traces: dict[str, list[str]]) -> None:
    assert on_the_page(section) == traces[section]


def test_every_hook_is_on_the_page() -> None:
    page = PAGE.read_text()
    missing = [name for name in sorted({*MODULE_METHODS, *CALLBACK_METHODS, *DATA_HOOKS}) if name not in page]
    assert missing == []
