from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.callbacks import EMAWeightAveraging, WeightAveraging
from leyden.checkpoint.load import load
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError, SettingsError


class Plain(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.2), nn.Linear(3, 1))
        self.validated: list[Tensor] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.net(batch).pow(2).mean()

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validated.append(weights(self))

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=0.1)


class Model(Plain):
    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validated.append(weights(self))
        self.log("val", self.net(batch).sum())


class Watched(L.Callback):
    """Keeps the weights after each step."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.seen.append(weights(pl_module))


class SavesAt(L.Callback):
    """Saves at one of its hooks, counted through the run."""

    def __init__(self, place: int | None, path: Path) -> None:
        self.place, self.path, self.calls = place, path, itertools.count()

    def _note(self, trainer: Any) -> None:
        if next(self.calls) == self.place:
            trainer.save_checkpoint(self.path)

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        self._note(trainer)

    def on_validation_batch_end(self, trainer: Any, *args: Any) -> None:
        self._note(trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        self._note(trainer)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self._note(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self._note(trainer)


def weights(module: nn.Module) -> Tensor:
    return torch.cat([value.detach().double().flatten() for value in module.state_dict().values()])


def data() -> DataLoader[Any]:
    return DataLoader(torch.arange(16.0).reshape(8, 2), batch_size=2, shuffle=True)


def model(kind: type[Plain] = Model) -> Plain:
    torch.manual_seed(1)
    return kind()


PLACES = 18


@pytest.mark.parametrize("first", [True, False], ids=["saver first", "average first"])
@pytest.mark.parametrize("place", range(PLACES))
def test_a_run_resumed_from_any_save_ends_with_the_average_of_one_that_was_never_stopped(
    tmp_path: Path, place: int, first: bool
) -> None:
    arguments: Any = {"max_epochs": 2, "accumulate_grad_batches": 2, "val_check_interval": 2}

    def average() -> EMAWeightAveraging:
        return EMAWeightAveraging(decay=0.7, update_starting_at_step=1, update_starting_at_epoch=0)

    saver = SavesAt(place, tmp_path / "a.ckpt")
    whole, averages = model(), average()
    callbacks = [saver, averages] if first else [averages, saver]
    trainer(tmp_path, *callbacks, **arguments).fit(whole, data(), data())
    assert next(saver.calls) == 2 * (2 + 4 + 2 * 5)
    resumed, again = model(), average()
    torch.manual_seed(2)
    trainer(tmp_path, again, **arguments).fit(resumed, data(), data(), ckpt_path=tmp_path / "a.ckpt")
    assert torch.equal(weights(resumed), weights(whole))
    assert again.state_dict() == averages.state_dict()
    assert again._average_model is not None
    assert averages._average_model is not None
    assert int(again._average_model.n_averaged) == int(averages._average_model.n_averaged) == 5


def test_the_average_is_that_of_the_weights_after_each_step(tmp_path: Path) -> None:
    plain, watched = model(Plain), Watched()
    trainer(tmp_path, watched).fit(plain, data())
    averaged = model(Plain)
    trainer(tmp_path, WeightAveraging()).fit(averaged, data())
    torch.testing.assert_close(weights(averaged)[:19], torch.stack(watched.seen).mean(0)[:19], rtol=1e-5, atol=1e-6)


def test_buffers_may_be_left_as_they_are(tmp_path: Path) -> None:
    plain, copied = model(Plain), model(Plain)
    for one, callbacks in ((plain, []), (copied, [WeightAveraging(use_buffers=False)])):
        torch.manual_seed(3)
        trainer(tmp_path, *callbacks).fit(one, data())
    assert torch.equal(plain.net[1].running_mean, copied.net[1].running_mean)
    assert not torch.equal(plain.net[0].weight, copied.net[0].weight)


def test_validation_sees_the_average_and_training_goes_on_with_its_own_weights(tmp_path: Path) -> None:
    watched = Watched()
    trainer(tmp_path, watched, max_epochs=2).fit(model(), data(), data())
    averaged, beside = model(), Watched()
    trainer(tmp_path, EMAWeightAveraging(decay=1.0), beside, max_epochs=2).fit(averaged, data(), data())
    assert torch.equal(torch.stack(watched.seen), torch.stack(beside.seen))
    assert all(torch.equal(seen, watched.seen[0]) for seen in averaged.validated)


def test_until_there_is_an_average_the_weights_of_training_stand_in_for_it(tmp_path: Path) -> None:
    watched, late = Watched(), model()
    never = EMAWeightAveraging(update_starting_at_step=100)
    trainer(tmp_path, watched, never).fit(late, data(), data())
    assert torch.equal(late.validated[0], watched.seen[-1])
    assert torch.equal(weights(late), watched.seen[-1])


def test_a_checkpoint_has_the_average_and_the_weights_of_training_beside_it(tmp_path: Path) -> None:
    watched, averaged = Watched(), model(Plain)
    saver = SavesAt(2, tmp_path / "a.ckpt")
    trainer(tmp_path, EMAWeightAveraging(decay=1.0), watched, saver).fit(averaged, data())
    checkpoint = load(tmp_path / "a.ckpt")
    flat = {name: torch.cat([v.double().flatten() for v in checkpoint[name].values()]) for name in KEYS}
    assert torch.equal(flat["state_dict"], watched.seen[0])
    assert torch.equal(flat["current_model_state"], watched.seen[1])
    assert checkpoint["averaging_state"]["n_averaged"] == 2
    assert checkpoint["callbacks"] == {"EMAWeightAveraging": {"latest_update_step": 2, "epochs_asked": 0}}


KEYS = ("state_dict", "current_model_state")


def test_a_checkpoint_is_evaluated_with_its_average(tmp_path: Path) -> None:
    saver = SavesAt(2, tmp_path / "a.ckpt")
    runs = trainer(tmp_path, EMAWeightAveraging(decay=0.5), saver)
    runs.fit(model(Plain), data())
    average = torch.cat([value.double().flatten() for value in load(tmp_path / "a.ckpt")["state_dict"].values()])
    for evaluates in (runs, trainer(tmp_path, EMAWeightAveraging()), trainer(tmp_path)):
        for entry in ("test", "validate"):
            evaluated = model()
            getattr(evaluates, entry)(evaluated, data(), ckpt_path=tmp_path / "a.ckpt", verbose=False)
            assert torch.equal(evaluated.validated[0], average)
            assert torch.equal(weights(evaluated), average)


def test_a_run_goes_on_from_a_checkpoint_that_was_saved_without_an_average(tmp_path: Path) -> None:
    saver = SavesAt(4, tmp_path / "a.ckpt")
    trainer(tmp_path, saver).fit(model(Plain), data())
    watched, average = Watched(), EMAWeightAveraging(decay=1.0)
    runs = trainer(tmp_path, average, watched, max_epochs=2)
    resumed = model(Plain)
    with pytest.warns(LeydenWarning, match="was saved without EMAWeightAveraging, so the average begins"):
        runs.fit(resumed, data(), ckpt_path=tmp_path / "a.ckpt")
    assert torch.equal(weights(resumed), watched.seen[0])


def test_after_an_error_in_validation_the_module_has_its_own_weights(tmp_path: Path) -> None:
    class Fails(Model):
        def validation_step(self, batch: Tensor, batch_idx: int) -> None:
            super().validation_step(batch, batch_idx)
            raise ValueError("it fails")

    failing, watched = model(Fails), Watched()
    with pytest.raises(ValueError, match="it fails"):
        trainer(tmp_path, EMAWeightAveraging(decay=1.0), watched).fit(failing, data(), data())
    assert torch.equal(failing.validated[0], watched.seen[0])
    assert torch.equal(weights(failing), watched.seen[-1])


def test_a_module_that_makes_its_layers_late_is_averaged(tmp_path: Path) -> None:
    class Late(Plain):
        def __init__(self) -> None:
            super().__init__()
            self.net: Any = None

        def configure_model(self) -> None:
            if self.net is None:
                self.net = nn.Linear(2, 1)

    late, average = Late(), WeightAveraging()
    trainer(tmp_path, average).fit(late, data())
    assert average._average_model is not None
    assert torch.equal(weights(late), weights(average._average_model.module))


def test_a_callback_may_serve_two_trainers(tmp_path: Path) -> None:
    average = EMAWeightAveraging(decay=0.5)
    results = []
    for _ in range(2):
        one = model(Plain)
        torch.manual_seed(3)
        trainer(tmp_path, average).fit(one, data())
        results.append(weights(one))
    assert torch.equal(*results)


def test_the_average_of_half_precision_weights_keeps_its_own(tmp_path: Path) -> None:
    average = EMAWeightAveraging(decay=0.9)
    trainer(tmp_path, average, precision="bf16-true").fit(model(), data(), data())
    assert average._average_model is not None
    kept = average._average_model.module.get_parameter("net.0.weight").detach()
    assert not torch.equal(kept, kept.bfloat16().float())


STEPS = [
    ({}, [0, 1, 2, 3, 4, 5, 6], []),
    ({"update_every_n_steps": 3}, [0, 3, 6], []),
    ({"update_every_n_steps": 3, "update_starting_at_step": 2}, [3, 6], []),
    ({"update_starting_at_epoch": 2}, [0, 1, 2, 3, 4, 5, 6], [2, 3]),
]


@pytest.mark.parametrize(("arguments", "steps", "epochs"), STEPS)
def test_an_update_is_due_by_steps_and_epochs(arguments: Any, steps: list[int], epochs: list[int]) -> None:
    average = EMAWeightAveraging(**arguments)
    assert [step for step in range(7) if average.should_update(step_idx=step)] == steps
    assert [epoch for epoch in range(4) if average.should_update(epoch_idx=epoch)] == epochs


@pytest.mark.parametrize("arguments", [{"decay": 1.5}, {"decay": -0.1}, {"update_every_n_steps": 0}])
def test_an_argument_without_a_meaning_is_an_error_that_names_it(arguments: Any) -> None:
    with pytest.raises(SettingsError, match=next(iter(arguments))):
        EMAWeightAveraging(**arguments)


@pytest.mark.parametrize("state", [{"latest_update_step": "1"}, {"latest_update_step": 1, "epochs_asked": -1}, [], {}])
def test_a_malformed_state_is_refused(state: Any) -> None:
    average = EMAWeightAveraging()
    before = copy.copy(vars(average))
    with pytest.raises(FormatError):
        average.load_state_dict(state)
    assert vars(average) == before


BROKEN = [
    ("current_model_state", {"x": 1}, FormatError),
    ("current_model_state", [], FormatError),
    ("averaging_state", None, FormatError),
    ("averaging_state", {"n_averaged": "x"}, FormatError),
    ("averaging_state", {"n_averaged": torch.tensor(-1)}, FormatError),
]


@pytest.mark.parametrize(("key", "value", "error"), BROKEN)
def test_a_checkpoint_with_a_malformed_average_is_refused(
    tmp_path: Path, key: str, value: Any, error: type[Exception]
) -> None:
    class Breaks(L.Callback):
        def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
            checkpoint[key] = value

    saver = SavesAt(2, tmp_path / "a.ckpt")
    trainer(tmp_path, EMAWeightAveraging(), saver, Breaks()).fit(model(Plain), data())
    with pytest.raises(error, match="a\\.ckpt"):
        trainer(tmp_path, EMAWeightAveraging()).fit(model(Plain), data(), ckpt_path=tmp_path / "a.ckpt")
