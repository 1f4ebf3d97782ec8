"""SIGTERM and Ctrl-C end a run in order."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.runtime.signals import Terminated, on_sigterm


class Model(L.Module):
    def __init__(self, act: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.act = act
        self.calls: list[str] = []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        if batch_idx == 1:
            self.act()
        return self.layer(batch).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.calls.append(f"batch {batch_idx}")

    def teardown(self, stage: str) -> None:
        self.calls.append("teardown")


def interrupt() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def fit(model: Model, folder: Path) -> L.Trainer:
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    model.trainer = trainer
    trainer.fit(model, DataLoader(torch.ones(6, 2), batch_size=2))  # type: ignore[arg-type]
    return trainer


def test_sigterm_ends_the_run_after_the_batch(tmp_path: Path) -> None:
    model, before = Model(terminate), signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated) as ended:
        fit(model, tmp_path)
    assert ended.value.code == 143
    assert model.calls == ["batch 0", "batch 1", "teardown"]
    assert model.trainer.received_sigterm
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_in_a_script_ends_the_process(tmp_path: Path) -> None:
    model = Model(interrupt)
    with pytest.raises(SystemExit) as ended:
        fit(model, tmp_path)
    assert ended.value.code == 1
    assert model.calls == ["batch 0", "teardown"]
    assert model.trainer.interrupted


def test_ctrl_c_at_a_prompt_gives_control_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    model = Model(interrupt)
    assert fit(model, tmp_path).interrupted
    assert model.calls == ["batch 0", "teardown"]


def test_a_handler_that_was_there_is_called_too() -> None:
    calls: list[str] = []
    outer = signal.signal(signal.SIGTERM, lambda *_: calls.append("theirs"))
    try:
        with on_sigterm(lambda: calls.append("ours")):
            terminate()
    finally:
        signal.signal(signal.SIGTERM, outer)
    assert calls == ["ours", "theirs"]


def test_another_thread_leaves_signals_alone() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with on_sigterm(lambda: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
