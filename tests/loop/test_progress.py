"""Lightning's counters, derived from State: what programs read in trainer.fit_loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.core.state import State
from leyden.errors import SettingsError
from leyden.loop.progress import Counts, batch_progress, epoch_progress, loops_of


def test_a_batch_is_ready_before_its_first_hook_and_begun_after_it() -> None:
    state = State(batch=2, batches=7)
    assert batch_progress(state, "on_train_batch_start").current == Counts(3, 2, 2, 2)
    assert batch_progress(state, "training_step").current == Counts(3, 3, 2, 2)
    assert batch_progress(state, "training_step").total == Counts(8, 8, 7, 7)


def test_a_batch_is_completed_after_its_last_hook() -> None:
    state = State(batch=2, batches=2)
    assert batch_progress(state, "on_train_batch_end").current == Counts(2, 2, 2, 1)
    assert batch_progress(state, "on_validation_end").current == Counts(2, 2, 2, 2)


def test_an_epoch_is_processed_before_its_last_hooks_and_completed_after_them() -> None:
    assert epoch_progress(State(epoch=1, at="batch")).current == Counts(2, 2, 1, 1)
    assert epoch_progress(State(epoch=1, at="epoch_end")).current == Counts(2, 2, 2, 1)
    assert epoch_progress(State(epoch=2, at="epoch_start")).current == Counts(2, 2, 2, 2)


@pytest.mark.parametrize(
    ("hook", "stepped"), [("on_train_batch_end", 3), ("on_validation_end", 3), ("on_train_epoch_end", 4)]
)
def test_a_checkpoint_counts_a_batch_as_stepped_after_its_validation(hook: str, stepped: int) -> None:
    loops = loops_of(State(stepped=4, log_step=3), hook)
    assert loops["fit_loop"]["epoch_loop.state_dict"] == {"_batches_that_stepped": stepped}


def test_a_checkpoint_counts_the_steps_of_the_run_and_those_of_its_epoch() -> None:
    loop = loops_of(State(step=7, step_before=4), "on_train_epoch_end")["fit_loop"]
    steps = loop["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]
    assert steps["step"] == {"total": {"ready": 7, "completed": 7}, "current": {"ready": 3, "completed": 3}}
    assert steps["zero_grad"]["current"] == {"ready": 3, "completed": 3, "started": 3}


class Model(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.seen: list[tuple[int, int, int]] = []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).sum()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        loop = self.trainer.fit_loop
        self.seen.append((loop.batch_idx, loop.total_batch_idx, loop.epoch_progress.current.completed))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fitted(folder: Path) -> tuple[L.Trainer, Model, DataLoader[Any]]:
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    model, loader = Model(), DataLoader(torch.ones(4, 2), batch_size=2)  # type: ignore[arg-type]
    trainer.fit(model, loader)
    return trainer, model, loader


def test_the_loop_tells_the_number_of_the_batch(tmp_path: Path) -> None:
    _, model, _ = fitted(tmp_path)
    assert model.seen == [(0, 0, 0), (1, 1, 0), (0, 2, 1), (1, 3, 1)]


def test_a_raised_limit_lets_the_same_trainer_fit_for_longer(tmp_path: Path) -> None:
    trainer, model, loader = fitted(tmp_path)
    trainer.fit(model, loader)
    assert trainer.global_step == 4  # the limit is reached
    trainer.fit_loop.max_epochs = 3
    trainer.fit(model, loader)
    assert (trainer.current_epoch, trainer.global_step, trainer.max_epochs) == (3, 6, 3)


def test_a_limit_that_is_no_number_is_refused(tmp_path: Path) -> None:
    trainer, _, _ = fitted(tmp_path)
    with pytest.raises(SettingsError, match="max_epochs"):
        trainer.fit_loop.max_epochs = 1.5  # type: ignore[assignment]
