"""What validations draw and collect is exact in a resumed run, wherever it was saved."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torchmetrics
from tests.loop.resume_matrix import end_workers
from tests.tiny import trainer
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler

import leyden as L
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError

SAVES = (
    ("on_train_start", 1),
    ("on_train_epoch_start", 2),
    ("on_train_batch_end", 3),
    ("on_validation_start", 2),
    ("on_validation_batch_end", 5),
    ("on_validation_epoch_end", 2),
    ("on_validation_end", 2),
    ("on_train_epoch_end", 1),
)


class Rows(Dataset[torch.Tensor]):
    def __init__(self, noisy: bool = True) -> None:
        self.noisy = noisy

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.full((3,), float(index)) + (torch.randn(3) if self.noisy else 0)


class Model(L.Module):
    """Its validation counts differently in each order of the rows, and draws random numbers of two kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
        self.mean = torchmetrics.MeanMetric()
        self.noise = torch.Generator().manual_seed(3)  # of the module itself

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.net(batch + torch.randn(3, generator=self.noise)).pow(2).mean()

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        rows = batch if isinstance(batch, torch.Tensor) else torch.cat(list(batch))
        drawn = torch.rand(()) + torch.rand((), generator=self.noise)
        value = (self.net(rows).mean() + rows.mean() + drawn) * (batch_idx + 1)
        self.mean.update(value)
        self.log("mean", self.mean)
        self.log("last", value, reduce_fx="max", batch_size=1)

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=0.05)


class Metrics(L.Callback):
    """Writes down what is logged, at the end of each validation and epoch, and perhaps saves first."""

    monitors = True

    def __init__(self, hook: str = "", call: int = 0, path: Path | None = None) -> None:
        self.seen: list[Any] = []
        self.call, self.path = call, path
        if hook:
            inner = getattr(self, hook)
            setattr(self, hook, lambda trainer, *rest: (self.save(trainer), inner(trainer, *rest)))

    def save(self, trainer: L.Trainer) -> None:
        if not trainer.sanity_checking:
            self.call -= 1
            if self.call == 0:
                trainer.save_checkpoint(self.path or "")

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.Module) -> None:
        if not trainer.sanity_checking:
            numbers = {name: value.item() for name, value in trainer.callback_metrics.items()}
            self.seen.append((trainer.current_epoch, trainer.global_step, numbers))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sampled(seed: int) -> DataLoader[Any]:
    return DataLoader(Rows(), 3, sampler=RandomSampler(Rows(), generator=generator(seed)))


def persistent(generator_seed: int | None = None) -> DataLoader[Any]:
    how: dict[str, Any] = {"num_workers": 1, "persistent_workers": True, "multiprocessing_context": "fork"}
    own = None if generator_seed is None else generator(generator_seed)
    return DataLoader(Rows(noisy=False), 3, shuffle=True, generator=own, **how)


LOADERS: dict[str, Callable[[], Any]] = {
    "shuffled": lambda: DataLoader(Rows(), 3, shuffle=True),
    "a generator": lambda: DataLoader(Rows(), 3, shuffle=True, generator=generator(5)),
    "several, with generators of loader and sampler": lambda: [
        DataLoader(Rows(), 2, shuffle=True, generator=generator(5)),
        sampled(6),
    ],
    "side by side": lambda: L.data.CombinedLoader([sampled(5), sampled(6)], "max_size_cycle"),
    "workers that persist": persistent,
    "workers that persist, with a generator": partial(persistent, generator_seed=5),
}


def fit(
    folder: Path, validating: Any, seed: int, listener: Metrics, training: Any = None, **more: Any
) -> tuple[Model, list[Any]]:
    L.seed_everything(seed, verbose=False)
    model = Model()
    arguments: dict[str, Any] = {"max_epochs": 3, "val_check_interval": 2, "num_sanity_val_steps": 1}
    ckpt_path = more.pop("ckpt_path", None)
    run = trainer(folder, listener, **(arguments | more))
    training = DataLoader(Rows(), 2, shuffle=True) if training is None else training
    run.fit(model, training, validating, ckpt_path=ckpt_path)
    end_workers(validating)
    return model, listener.seen


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("loaders", LOADERS.values(), ids=LOADERS.keys())
def test_validations_go_on_as_if_the_run_had_not_been_stopped(loaders: Callable[[], Any], tmp_path: Path) -> None:
    for hook, call in SAVES[2::2] if persistent in (loaders, getattr(loaders, "func", None)) else SAVES:
        path = tmp_path / f"{hook}.ckpt"
        whole, seen = fit(tmp_path, loaders(), 1, Metrics(hook, call, path))
        resumed, later = fit(tmp_path, loaders(), 2, Metrics(), ckpt_path=path)
        assert same(whole, resumed), hook
        assert later == seen[len(seen) - len(later) :], hook


@pytest.mark.parametrize(("hook", "call"), SAVES)
def test_training_and_validation_may_draw_from_one_generator(hook: str, call: int, tmp_path: Path) -> None:
    def loaders() -> tuple[Any, Any]:
        shared = generator(5)
        return tuple(DataLoader(Rows(noisy=False), 2, shuffle=True, generator=shared) for _ in range(2))

    path = tmp_path / "a.ckpt"
    training, validating = loaders()
    whole, seen = fit(tmp_path, validating, 1, Metrics(hook, call, path), training)
    training, validating = loaders()
    resumed, later = fit(tmp_path, validating, 2, Metrics(), training, ckpt_path=path)
    assert same(whole, resumed)
    assert later == seen[len(seen) - len(later) :]


class Renewing(L.DataModule):
    """Makes its loaders anew, each time with another seed."""

    def train_dataloader(self) -> Any:
        return DataLoader(Rows(), 2, shuffle=True)

    def val_dataloader(self) -> Any:
        assert self.trainer is not None
        epoch = self.trainer.current_epoch
        return [sampled(epoch + number) for number in range(1 + epoch % 2)]


@pytest.mark.parametrize(("hook", "call"), SAVES)
def test_loaders_that_are_asked_for_anew_begin_as_they_are_made(hook: str, call: int, tmp_path: Path) -> None:
    path, often = tmp_path / "a.ckpt", {"reload_dataloaders_every_n_epochs": 1}
    whole, seen = fit(tmp_path, None, 1, Metrics(hook, call, path), Renewing(), **often)
    resumed, later = fit(tmp_path, None, 2, Metrics(), Renewing(), ckpt_path=path, **often)
    assert same(whole, resumed)
    assert later == seen[len(seen) - len(later) :]


def test_other_validation_loaders_are_reported_and_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    fit(tmp_path, sampled(5), 1, Metrics("on_train_batch_end", 4, path))
    with pytest.warns(LeydenWarning, match="1 validation loaders that have 1 random generators, and this run has 2"):
        fit(tmp_path, [sampled(5), sampled(6)], 1, Metrics(), ckpt_path=path)


@pytest.mark.parametrize(
    "spoiled", [3, {"generators": []}, {"generators": [3], "workers": [False]}, {"generators": [], "workers": [1]}]
)
def test_a_malformed_state_of_the_validation_loaders_is_refused(spoiled: Any, tmp_path: Path) -> None:
    class Spoiling(Metrics):
        def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.Module, checkpoint: dict[str, Any]) -> None:
            checkpoint["leyden"]["validation"] = spoiled

    path = tmp_path / "a.ckpt"
    fit(tmp_path, sampled(5), 1, Spoiling("on_train_batch_end", 4, path))
    with pytest.raises(FormatError, match="malformed"):
        fit(tmp_path, sampled(5), 1, Metrics(), ckpt_path=path)
