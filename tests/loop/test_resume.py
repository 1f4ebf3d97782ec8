"""A run that is stopped and resumed ends as one that never was: the same hooks, the same metrics, the same weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

import leyden as L
from leyden.core.warnings import LeydenWarning

EPOCHS, BATCHES = 2, 5


class Noisy(Dataset[torch.Tensor]):
    """Draws random numbers for each item, so that the order and the number of draws matter."""

    def __len__(self) -> int:
        return 2 * BATCHES

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.randn(3) + index


class Stream(IterableDataset[torch.Tensor]):
    """The same without a length."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (torch.randn(3) + index for index in range(2 * BATCHES - 1))


class Stateful:
    """A loader that keeps its own position, and is shorter than the others."""

    def __init__(self) -> None:
        self.position = self.begin_at = 0

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[torch.Tensor]:
        begin_at, self.begin_at = self.begin_at, 0
        return self.batches_from(begin_at)

    def batches_from(self, begin_at: int) -> Iterator[torch.Tensor]:
        for number in range(begin_at, 3):
            self.position = number + 1
            yield torch.full((2, 3), float(number))

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.begin_at = state["position"]


def parts_of(batch: Any) -> list[torch.Tensor]:
    """The tensors in a batch of one loader or of several."""
    if isinstance(batch, dict):
        return [tensor for part in batch.values() for tensor in parts_of(part)]
    return [] if batch is None else [batch]


class Renewed(L.DataModule):
    """Makes other loaders in every second epoch."""

    def train_dataloader(self) -> Any:
        assert self.trainer is not None
        time = self.trainer.current_epoch // 2
        return DataLoader(Subset(Noisy(), range(time, 2 * BATCHES)), 2 + time, shuffle=True)

    def val_dataloader(self) -> Any:
        return DataLoader(Noisy(), 5)


class Model(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = sum(self.net(part).pow(2).mean() for part in parts_of(batch))
        self.log("loss", loss, on_step=True, on_epoch=True, batch_size=len(parts_of(batch)[0]))
        return loss

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("val", self.net(batch).pow(2).mean())

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, gamma=0.5)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]


class Recorder(L.Callback):
    """Writes down every batch and epoch with its metrics, and saves in one of these calls."""

    saves = True
    monitors = True

    def __init__(self, place: int | None = None, path: Path | None = None) -> None:
        self.trace: list[Any] = []
        self.place = place
        self.path = path

    def _note(self, hook: str, trainer: L.Trainer) -> None:
        metrics = {name: value.item() for name, value in trainer.callback_metrics.items()}
        if self.place == len(self.trace):
            trainer.save_checkpoint(self.path or "")
        self.trace.append((hook, trainer.current_epoch, trainer.global_step, metrics))

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.Module) -> None:
        torch.rand(1)  # between the making of the first iterator and its first batch
        self._note("on_train_epoch_start", trainer)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.Module, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._note("on_train_batch_end", trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.Module) -> None:
        self._note("on_validation_end", trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.Module) -> None:
        self._note("on_train_epoch_end", trainer)


def one() -> Any:
    return DataLoader(Noisy(), 2, shuffle=True)


def several(mode: Any) -> Any:
    short = DataLoader(Subset(Noisy(), range(3)), 1, shuffle=True)
    return L.data.CombinedLoader({"a": one(), "b": {"c": short, "d": DataLoader(Noisy(), 3)}}, mode)


def train(
    folder: Path,
    recorder: Recorder,
    seed: int,
    ckpt_path: Path | None = None,
    make: Callable[[], Any] = one,
    **arguments: Any,
) -> Model:
    L.seed_everything(seed, verbose=False)
    model, data = Model(), make()
    trainer = L.Trainer(
        accelerator="cpu",
        callbacks=[recorder],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        **({"max_epochs": EPOCHS} | arguments),
    )
    val = None if isinstance(data, L.DataModule) else DataLoader(Noisy(), 5)
    trainer.fit(model, data, val, ckpt_path=ckpt_path)
    return model


CASES: dict[str, dict[str, Any]] = {
    "validation at the end": {},
    "validation inside": {"val_check_interval": 2},
    "validation by time": {"val_check_interval": {"seconds": 3}},
    "accumulation": {"accumulate_grad_batches": 3, "gradient_clip_val": 0.5},
    "several loaders, the longest decides": {"make": partial(several, "max_size_cycle")},
    "several loaders, the shortest decides": {"make": partial(several, "min_size")},
    "several loaders, some ended": {"make": partial(several, "max_size"), "val_check_interval": 3},
    "a stateful loader beside another": {"make": lambda: {"a": Stateful(), "b": one()}},
    "no length": {"make": lambda: DataLoader(Stream(), 2)},
    "no length beside another": {"make": lambda: {"a": DataLoader(Stream(), 2), "b": one()}},
    "renewed loaders": {"make": Renewed, "reload_dataloaders_every_n_epochs": 2, "max_epochs": 4},
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch takes a second, and validations take none."""
    ticks = itertools.count()
    monkeypatch.setattr("leyden.loop.fit.monotonic", lambda: float(next(ticks)))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("arguments", CASES.values(), ids=CASES.keys())
def test_a_run_resumed_from_any_save_ends_as_one_that_was_never_stopped(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    whole = Recorder()
    weights = train(tmp_path, whole, seed=1, **arguments).state_dict()
    for place, call in enumerate(whole.trace):
        path = tmp_path / f"{place}.ckpt"
        stopped = Recorder(place, path)
        train(tmp_path, stopped, seed=1, **arguments)
        assert stopped.trace == whole.trace, f"saving at {call} changed the run"
        resumed = Recorder()
        model = train(tmp_path, resumed, seed=2, ckpt_path=path, **arguments)
        assert resumed.trace == whole.trace[place + 1 :], f"resumed from {call}"
        for name, weight in model.state_dict().items():
            assert torch.equal(weight, weights[name]), f"resumed from {call}: {name}"


def test_validating_between_two_fits_does_not_disturb_the_next_epoch(tmp_path: Path) -> None:
    recorder = Recorder()
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=[recorder],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    model = Model()
    trainer.validate(model, DataLoader(Noisy(), 5), verbose=False)
    trainer.fit(model, DataLoader(Noisy(), 2), DataLoader(Noisy(), 5))
    assert [hook for hook, *_ in recorder.trace].count("on_train_epoch_start") == 1


def saver(folder: Path) -> L.callbacks.ModelCheckpoint:
    return L.callbacks.ModelCheckpoint(dirpath=folder, save_last=True, save_top_k=0)


def quiet(folder: Path, max_epochs: int) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu",
        max_epochs=max_epochs,
        callbacks=[saver(folder)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


def test_last_finds_the_checkpoint_of_an_earlier_process(tmp_path: Path) -> None:
    loaders = DataLoader(Noisy(), 2), DataLoader(Noisy(), 5)
    quiet(tmp_path, 1).fit(Model(), *loaders)
    second = quiet(tmp_path, 2)  # knows of the first only what lies in the directory
    second.fit(Model(), *loaders, ckpt_path="last")
    assert second.ckpt_path == str(tmp_path / "last.ckpt")
    assert second.global_step == 2 * BATCHES


def test_last_starts_anew_where_there_is_none(tmp_path: Path) -> None:
    trainer = quiet(tmp_path, 1)
    with pytest.warns(LeydenWarning, match="starts anew"):
        trainer.fit(Model(), DataLoader(Noisy(), 2), DataLoader(Noisy(), 5), ckpt_path="last")
    assert trainer.global_step == BATCHES


def test_a_wish_to_stop_that_waits_for_min_epochs_is_still_there_when_the_run_goes_on(tmp_path: Path) -> None:
    class StopSoon(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
            trainer.should_stop = trainer.should_stop or trainer.global_step == 2
            if trainer.global_step == 3:
                trainer.save_checkpoint(tmp_path / "a.ckpt")

    loaders = DataLoader(Noisy(), 2), DataLoader(Noisy(), 5)

    def fitted(**how: Any) -> L.Trainer:
        run = L.Trainer(
            accelerator="cpu",
            max_epochs=5,
            min_epochs=2,
            callbacks=[StopSoon()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
        )
        run.fit(Model(), *loaders, **how)
        return run

    assert fitted().global_step == fitted(ckpt_path=tmp_path / "a.ckpt").global_step == 2 * BATCHES


def test_a_run_that_was_stopped_goes_on_when_it_is_resumed(tmp_path: Path) -> None:
    class StopAfterTwo(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
            trainer.should_stop = trainer.global_step == 2

    loaders = DataLoader(Noisy(), 2), DataLoader(Noisy(), 5)
    stopped = quiet(tmp_path, 1)
    stopped.callbacks.insert(0, StopAfterTwo())
    stopped.fit(Model(), *loaders)
    assert stopped.global_step == 2
    resumed = quiet(tmp_path, 2)
    resumed.fit(Model(), *loaders, ckpt_path=tmp_path / "last.ckpt")
    assert resumed.global_step == 2 + BATCHES
