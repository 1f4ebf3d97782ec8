"""Saves in the middle of a hook: who was still to be called then is called by the run that goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchmetrics
from tests.tiny import batches, trainer
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.checkpoint.load import load
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError

HOOKS = ("on_train_epoch_start", "on_train_batch_end", "on_validation_end", "on_train_epoch_end")


class Model(L.Module):
    """Averages its weights and counts, in hooks in which it comes after the callbacks, and logs there."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))
        self.worst = torchmetrics.MaxMetric()
        self.register_buffer("average", torch.zeros(3, 2))
        self.register_buffer("counts", torch.zeros(3))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.net(batch).pow(2).mean()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.worst.update(self.net(batch).mean() + torch.rand(()))
        self.log("worst", self.worst)

    def on_train_epoch_start(self) -> None:
        self.counts[0] += torch.rand(())
        self.log("epochs", self.counts[0])

    @torch.no_grad()
    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.average.lerp_(self.net[0].weight, 0.1)
        self.counts[1] += batch_idx
        self.log("average", self.average.mean(), on_step=True, on_epoch=True)

    def on_validation_model_train(self) -> None:
        self.train()
        self.counts[2] += self.worst.compute() if self.worst.update_called else 1

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=0.1)


class SaveIn(L.Callback):
    """Saves at one call of a hook."""

    def __init__(self, hook: str, path: Path, call: int = 1) -> None:
        self.calls, self.call, self.path = 0, call, path
        setattr(self, hook, self.save)

    def save(self, trainer: L.Trainer, *_: Any) -> None:
        self.calls += 1
        if self.calls == self.call:
            trainer.save_checkpoint(self.path)


class Follower(L.Callback):
    """Writes down what it sees, after the one that saves."""

    monitors = catches_up = True
    state_key = "follower"

    def __init__(self) -> None:
        self.seen: list[Any] = []
        for hook in HOOKS:
            setattr(self, hook, self.note)

    def note(self, trainer: L.Trainer, pl_module: L.Module, *rest: Any) -> None:
        metrics = {name: value.item() for name, value in trainer.callback_metrics.items()}
        if trainer.validating:
            assert not pl_module.training
            assert not torch.is_grad_enabled()
            metrics["so far"] = pl_module.worst.compute().item()  # it is reset only after this hook
        self.seen.append((rest[2:], trainer.current_epoch, trainer.global_step, metrics))


class Plain(Follower):
    """The same, and its hook says that it looks at the number of the batch alone."""

    def __init__(self) -> None:
        super().__init__()
        del self.on_train_batch_end

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.Module, outputs: Any, batch: Any, index: int) -> None:
        self.note(trainer, pl_module, None, None, index)


def fit(
    folder: Path,
    *callbacks: L.Callback,
    seed: int = 1,
    ckpt_path: Path | None = None,
    model: Model | None = None,
    **more: Any,
) -> Model:
    L.seed_everything(seed, verbose=False)
    model = model or Model()
    run = trainer(folder, *callbacks, **({"max_epochs": 3, "val_check_interval": 2} | more))
    loader: Any = DataLoader(torch.arange(14.0).reshape(7, 2) / 9, 2, shuffle=True)  # type: ignore[arg-type]
    run.fit(model, loader, batches(2), ckpt_path=ckpt_path)
    return model


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("hook", HOOKS)
def test_who_comes_after_the_saver_in_a_hook_is_called_when_the_run_goes_on(
    hook: str, call: int, tmp_path: Path
) -> None:
    path, whole, rest = tmp_path / "a.ckpt", Plain(), Plain()
    first = fit(tmp_path, SaveIn(hook, path, call), whole)
    second = fit(tmp_path, SaveIn(hook, path, -1), rest, seed=2, ckpt_path=path)
    assert same(first, second)
    assert rest.seen == whole.seen[-len(rest.seen) :]
    assert rest.seen


def test_the_checkpoint_names_who_was_still_to_be_called(tmp_path: Path) -> None:
    fit(tmp_path, Follower(), SaveIn("on_train_epoch_end", tmp_path / "a.ckpt"), Follower())
    assert load(tmp_path / "a.ckpt")["leyden"]["rest"] == {
        "hook": "on_train_epoch_end",
        "listeners": ["follower", "follower"],
    }


def test_two_savers_at_one_step_leave_both_files_whichever_a_run_goes_on_from(tmp_path: Path) -> None:
    def savers() -> list[L.Callback]:
        often = L.callbacks.ModelCheckpoint(dirpath=tmp_path, filename="often-{step}", every_n_train_steps=3)
        also = L.callbacks.ModelCheckpoint(
            dirpath=tmp_path, filename="also-{step}", every_n_train_steps=3, save_top_k=-1, monitor="step", mode="max"
        )
        return [often, also]

    whole = fit(tmp_path, *savers(), enable_checkpointing=True)
    first, lost = tmp_path / "often-step=12.ckpt", tmp_path / "also-step=12.ckpt"
    lost.unlink()
    assert same(fit(tmp_path, *savers(), seed=2, ckpt_path=first, enable_checkpointing=True), whole)
    assert lost.exists()


class Looks(Model):
    """Uses the batch after it."""

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.counts[1] += batch.sum()


class Collects(Model):
    """Uses what a validation has left in memory."""

    def on_validation_start(self) -> None:
        self.collected = [torch.ones(())]

    def on_validation_end(self) -> None:
        self.counts[1] += torch.stack(self.collected).sum()


class Measures(Model):
    """Uses what it wrote down in the batch."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.begun = torch.ones(())

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.counts[1] += self.begun


@pytest.mark.parametrize(
    ("kind", "hook", "said"),
    [
        (Looks, "on_train_batch_end", "does not have the batch and the outputs"),
        (Collects, "on_validation_end", "does not have what has been collected"),
        (Measures, "on_train_batch_end", "fails now .AttributeError: .*'begun'"),
    ],
)
def test_one_that_needs_what_is_in_no_checkpoint_is_reported_and_the_run_goes_on(
    kind: type[Model], hook: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.ckpt"
    whole = fit(tmp_path, SaveIn(hook, path, 2), model=kind())
    with pytest.warns(LeydenWarning, match=f"{hook} of the module was still to be called .*{said}"):
        resumed = fit(tmp_path, seed=2, ckpt_path=path, model=kind())
    assert whole.counts[1] > resumed.counts[1] > 0
    assert torch.equal(whole.net[0].weight, resumed.net[0].weight)


def test_a_bar_that_comes_after_the_saver_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for hook in HOOKS:
        path = tmp_path / f"{hook}.ckpt"
        for ckpt_path in (None, path):
            saver = SaveIn(hook, path, 2 if ckpt_path is None else -1)
            fit(tmp_path, saver, L.callbacks.TQDMProgressBar(), ckpt_path=ckpt_path, enable_progress_bar=True)
        assert capsys.readouterr().out.count("Epoch 2: 4/4") >= 2


def test_after_an_error_in_a_hook_the_others_are_called_by_the_run_that_goes_on(tmp_path: Path) -> None:
    class Fails(L.Callback):
        def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.Module) -> None:
            raise OSError("the disk of somebody else")

    path = tmp_path / "a.ckpt"
    whole = fit(tmp_path)
    with pytest.raises(OSError, match="somebody else"):
        fit(tmp_path, Fails(), SaveIn("on_exception", path))
    assert same(fit(tmp_path, seed=2, ckpt_path=path), whole)


@pytest.mark.parametrize("rest", [{"hook": "on_fit_start", "listeners": []}, {"hook": "on_train_epoch_end"}, 3])
def test_a_malformed_rest_is_refused(rest: Any, tmp_path: Path) -> None:
    class Spoiling(L.Callback):
        def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.Module, checkpoint: dict[str, Any]) -> None:
            checkpoint["leyden"]["rest"] = rest

    fit(tmp_path, Spoiling(), SaveIn("on_train_end", tmp_path / "a.ckpt"), max_epochs=1)
    with pytest.raises(FormatError, match="still to be called"):
        fit(tmp_path, ckpt_path=tmp_path / "a.ckpt")
