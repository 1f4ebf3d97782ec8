"""Saves where no batch has been trained: before training, and in a resumed run that has not gone on yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import batches, trainer
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.checkpoint.load import load
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError, MismatchError

BEFORE_TRAINING = (
    "setup",
    "on_fit_start",
    "on_sanity_check_start",
    "on_validation_start",
    "on_validation_batch_start",
    "on_validation_end",
    "on_sanity_check_end",
)


class Model(L.Module):
    """Draws random numbers in training and in validation."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.net(batch).pow(2).mean()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("val", self.net(batch).mean() + torch.rand(1))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=0.1)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]


class SaveIn(L.Callback):
    """Saves once, at the first call of a hook."""

    def __init__(self, hook: str, path: Path) -> None:
        self.calls = 0
        setattr(self, hook, self.save)
        self.path = path

    def save(self, trainer: L.Trainer, *_: Any) -> None:
        self.calls += 1
        if self.calls == 1:
            trainer.save_checkpoint(self.path)


def fit(
    folder: Path, *callbacks: L.Callback, seed: int = 1, ckpt_path: Path | None = None, **more: Any
) -> tuple[L.Trainer, Model]:
    L.seed_everything(seed, verbose=False)
    model = Model()
    run = trainer(folder, *callbacks, **({"num_sanity_val_steps": 2, "max_epochs": 2} | more))
    loader: Any = DataLoader(torch.arange(10.0).reshape(5, 2), shuffle=True)  # type: ignore[arg-type]
    run.fit(model, loader, batches(2), ckpt_path=ckpt_path)
    return run, model


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("hook", BEFORE_TRAINING)
def test_a_run_resumed_from_a_save_before_training_trains_as_the_first(hook: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    _, whole = fit(tmp_path, SaveIn(hook, path))
    run, resumed = fit(tmp_path, seed=2, ckpt_path=path)
    assert run.global_step == 10
    assert same(resumed, whole)


def test_a_save_before_optimizers_are_configured_says_so_and_the_resumed_run_begins_with_fresh_ones(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.ckpt"
    fit(tmp_path, SaveIn("setup", path))
    assert load(path)["optimizer_states"] == load(path)["lr_schedulers"] == []
    run, _ = fit(tmp_path, ckpt_path=path)
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**2)


@pytest.mark.parametrize(
    ("first", "hook"),
    [
        ("on_train_batch_end", "on_fit_start"),
        ("on_train_batch_end", "on_train_start"),
        ("on_train_epoch_end", "on_fit_start"),
        ("on_train_epoch_end", "on_sanity_check_end"),
        ("on_train_epoch_end", "on_train_start"),
    ],
)
def test_a_resumed_run_that_saves_before_it_goes_on_saves_what_it_was_resumed_from(
    first: str, hook: str, tmp_path: Path
) -> None:
    once, twice = tmp_path / "1.ckpt", tmp_path / "2.ckpt"
    _, whole = fit(tmp_path, SaveIn(first, once))
    fit(tmp_path, SaveIn(hook, twice), seed=2, ckpt_path=once)
    read = [load(path)["leyden"]["state"] for path in (once, twice)]
    assert read[0] == read[1]
    _, resumed = fit(tmp_path, seed=3, ckpt_path=twice)
    assert same(resumed, whole)


def test_a_run_that_was_over_when_it_was_resumed_can_be_saved_and_resumed(tmp_path: Path) -> None:
    path, again = tmp_path / "1.ckpt", tmp_path / "2.ckpt"
    run, _ = fit(tmp_path)
    run.save_checkpoint(path)
    over, _ = fit(tmp_path, seed=2, ckpt_path=path)
    over.save_checkpoint(again)
    _, direct = fit(tmp_path, seed=3, ckpt_path=path, max_epochs=3)
    _, indirect = fit(tmp_path, seed=4, ckpt_path=again, max_epochs=3)
    assert same(direct, indirect)


def test_weights_that_are_saved_by_an_evaluation_have_no_training_state(tmp_path: Path) -> None:
    run, path = trainer(tmp_path), tmp_path / "a.ckpt"
    run.validate(Model(), batches(2), verbose=False)
    run.save_checkpoint(path)
    with pytest.raises(MismatchError, match="no training state"):
        fit(tmp_path, ckpt_path=path)


@pytest.mark.parametrize("part", ["data", "log", "random"])
def test_a_malformed_training_state_is_refused_before_the_program_is_told_that_it_runs(
    part: str, tmp_path: Path
) -> None:
    class Spoiling(L.Callback):
        def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.Module, checkpoint: dict[str, Any]) -> None:
            checkpoint["leyden"][part] = {"other": 1}

    class Listening(L.Callback):
        def on_fit_start(self, trainer: L.Trainer, pl_module: L.Module) -> None:
            raise AssertionError

    path = tmp_path / "a.ckpt"
    fit(tmp_path, Spoiling(), SaveIn("on_train_end", path))
    with pytest.raises(FormatError, match=r"a\.ckpt is malformed"):
        fit(tmp_path, Listening(), ckpt_path=path)


MIDDLE = ("on_train_batch_start", "on_before_zero_grad", "on_after_backward", "on_before_optimizer_step")


@pytest.mark.parametrize("hook", MIDDLE)
def test_a_save_in_the_middle_of_a_batch_says_that_the_batch_begins_again(hook: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    with pytest.warns(LeydenWarning, match=f"in {hook}, in the middle of a batch"):
        fit(tmp_path, SaveIn(hook, path))
    run, _ = fit(tmp_path, seed=2, ckpt_path=path)
    assert (run.global_step, run.fit_loop.epoch_loop.batch_progress.total.completed) == (10, 10)


def test_a_save_in_training_step_says_so_too(tmp_path: Path) -> None:
    class Saving(Model):
        def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
            assert self.trainer is not None
            self.trainer.save_checkpoint(tmp_path / "a.ckpt")
            return super().training_step(batch, batch_idx)

    with pytest.warns(LeydenWarning, match="in training_step, in the middle"):
        trainer(tmp_path, limit_train_batches=1, limit_val_batches=0).fit(Saving(), batches(1), batches(1))


def test_a_save_between_two_batches_warns_of_nothing(tmp_path: Path) -> None:
    saves = [tmp_path / "a.ckpt", tmp_path / "b.ckpt"]  # any warning is an error here
    fit(tmp_path, SaveIn("on_train_batch_end", saves[0]), SaveIn("on_train_epoch_end", saves[1]))
    assert all(path.exists() for path in saves)


def test_a_save_at_the_beginning_of_the_last_batch_keeps_the_gradients_of_its_window(tmp_path: Path) -> None:
    class SaveAtTheLast(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.Module, batch: Any, batch_idx: int) -> None:
            if batch_idx == 4 and trainer.current_epoch == 0:
                trainer.save_checkpoint(tmp_path / "a.ckpt")

    with pytest.warns(LeydenWarning, match="in the middle of a batch"):
        _, whole = fit(tmp_path, SaveAtTheLast(), accumulate_grad_batches=3)
    _, resumed = fit(tmp_path, seed=2, ckpt_path=tmp_path / "a.ckpt", accumulate_grad_batches=3)
    assert same(resumed, whole)
