from __future__ import annotations

import copy
import io
import itertools
import pickle
import sys
from contextlib import redirect_stdout
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from tqdm.std import tqdm

import leyden as L
from leyden.callbacks import tqdm_progress
from leyden.callbacks.tqdm_bar import Tqdm
from leyden.callbacks.tqdm_progress import TQDMProgressBar
from leyden.errors import DetachedError, SettingsError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal() -> Any:
    return redirect_stdout(Terminal())


def log() -> Any:
    """A standard output that is no terminal."""
    return redirect_stdout(io.StringIO())


class Line(L.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch, batch_idx):
        self.log("loss", float(batch_idx), prog_bar=True)
        return self.layer(batch[0]).sum()

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        pass

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        return 0

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Validated(Line):
    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("v", 2.0, prog_bar=True)


class Unsized(IterableDataset):
    def __iter__(self):
        return iter([(torch.ones(4),)] * 3)


class Watched(Tqdm):
    """Notes what is set on it and what is drawn."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.set: list[tuple[str, Any]] = []
        self.drawn: list[tuple[str, float, str | None]] = []
        super().__init__(*args, **kwargs)
        self.set.clear()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("n", "total"):
            self.set.append((name, value))
        super().__setattr__(name, value)

    def refresh(self, *args: Any, **kwargs: Any) -> Any:
        if not self._quiet:
            self.drawn.append((self.desc, self.n, self.postfix))
        return super().refresh(*args, **kwargs)


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Watched]:
    """Every bar that is made, in order."""
    made: list[Watched] = []

    def make(*args: Any, **kwargs: Any) -> Watched:
        made.append(Watched(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(tqdm_progress, "Tqdm", make)
    monkeypatch.setattr(tqdm_progress, "_writes_lines", lambda bar: bar.lines)
    return made


def clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Time that goes on by so many seconds whenever somebody looks."""
    times = itertools.count(0.0, seconds)
    monkeypatch.setattr(tqdm_progress, "monotonic", lambda: next(times))


def loader(batches: int) -> DataLoader:
    return DataLoader(TensorDataset(torch.ones(batches, 4)), batch_size=1)


def trainer(*callbacks: L.Callback, **settings: Any) -> L.Trainer:
    fixed = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "max_epochs": 1,
    }
    return L.Trainer(**fixed | settings, callbacks=list(callbacks))


def moves(bar: Watched) -> list[float]:
    return [value for name, value in bar.set if name == "n"]


# How bars move: the same values as in pytorch-lightning 2.6.6.


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4, 5]), (3, [0, 3, 5]), (5, [0, 5]), (50, [0, 5])],
)
def test_a_bar_moves_at_its_rate_and_at_the_last_batch(bars, rate, expected):
    trainer(TQDMProgressBar(refresh_rate=rate)).fit(Line(), loader(5))
    (train,) = bars
    assert moves(train) == expected
    assert train.total == 5


def test_each_validation_has_a_bar_and_each_loader_starts_it_again(bars):
    trainer(TQDMProgressBar(refresh_rate=3), num_sanity_val_steps=2).fit(Validated(), loader(7), [loader(4), loader(2)])
    sanity, train, val = bars
    assert sanity.set == [("n", 0), ("total", 2), ("n", 2), ("n", 0), ("total", 2), ("n", 2)]
    assert train.set == [("n", 0), ("total", 7), ("n", 3), ("n", 6), ("n", 7)]
    assert val.set == [("n", 0), ("total", 4), ("n", 3), ("n", 4), ("n", 0), ("total", 2), ("n", 2)]
    assert [bar.desc for bar in bars] == ["Sanity Checking DataLoader 1: ", "Epoch 0: ", "Validation DataLoader 1: "]


@pytest.mark.parametrize(
    ("kind", "text"), [("test", "Testing DataLoader 1: "), ("predict", "Predicting DataLoader 1: ")]
)
def test_test_and_prediction_have_bars_that_stay(bars, kind, text):
    getattr(trainer(TQDMProgressBar()), kind)(Line(), [loader(2), loader(1)])
    (bar,) = bars
    assert (bar.desc, bar.leave, moves(bar)) == (text, True, [0, 1, 2, 0, 1])


def test_without_a_length_the_total_is_unknown(bars):
    trainer(TQDMProgressBar()).fit(Line(), DataLoader(Unsized()))
    assert bars[0].set == [("n", 0), ("total", None), ("n", 1), ("n", 2), ("n", 3)]


def test_one_bar_serves_all_epochs_unless_each_is_to_be_left(bars):
    trainer(TQDMProgressBar(), max_epochs=3).fit(Line(), loader(2))
    assert len(bars) == 1
    bars.clear()
    trainer(TQDMProgressBar(leave=True), max_epochs=3).fit(Line(), loader(2))
    assert [bar.desc for bar in bars] == ["Training", "Epoch 0: ", "Epoch 1: ", "Epoch 2: "]
    assert [moves(bar)[-1:] for bar in bars] == [[], [2], [2], [2]]
    assert not bars[0].drawn


def test_the_bar_of_no_epoch_leaves_nothing_on_the_screen():
    with terminal() as screen:
        trainer(TQDMProgressBar(leave=True), max_epochs=2).fit(Line(), loader(2))
    assert "Training" not in screen.getvalue()
    assert [line.partition("Epoch ")[2][0] for line in screen.getvalue().split("\n")[:2]] == ["0", "1"]


def test_bars_lie_below_each_other_and_below_those_of_other_programs(bars):
    trainer(TQDMProgressBar(process_position=2), num_sanity_val_steps=1).fit(Validated(), loader(1), loader(1))
    assert [(bar.pos, bar.leave) for bar in bars] == [(-4, False), (-4, True), (-5, False)]


def test_a_validation_of_its_own_has_the_upper_place_and_stays(bars):
    trainer(TQDMProgressBar()).validate(Validated(), loader(2), verbose=False)
    assert [(bar.pos, bar.leave) for bar in bars] == [(0, True)]


def test_a_run_that_goes_on_inside_an_epoch_starts_where_it_was(bars, tmp_path):
    class Saves(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if batch_idx == 2:
                trainer.save_checkpoint(tmp_path / "inside.ckpt")

    trainer(Saves(), enable_progress_bar=False).fit(Line(), loader(5))
    trainer(TQDMProgressBar()).fit(Line(), loader(5), ckpt_path=tmp_path / "inside.ckpt")
    (train,) = bars
    assert train.desc == "Epoch 0: "
    assert (train.initial, train.total, train.n) == (3, 5, 5)


# When the screen is drawn.


def test_the_screen_is_drawn_no_more_often_than_the_interval_of_the_bar(bars, monkeypatch):
    clock(monkeypatch, seconds=0.01)
    with terminal():
        trainer(TQDMProgressBar()).fit(Line(), loader(100))
    (train,) = bars
    assert len(moves(train)) == 101
    assert 4 < len(train.drawn) < 12  # about 100 looks at the clock, 0.01 s apart


def test_a_program_that_wants_every_batch_drawn_says_so_at_the_bar(bars):
    class Eager(TQDMProgressBar):
        def init_train_tqdm(self):
            bar = super().init_train_tqdm()
            bar.mininterval = 0
            return bar

    with terminal():
        trainer(Eager()).fit(Line(), loader(4))
    assert [n for _, n, _ in bars[0].drawn] == [0, 1, 2, 3, 4, 4]


def test_metrics_are_read_only_when_the_screen_is_drawn(monkeypatch):
    reads = []

    class Counts(TQDMProgressBar):
        def get_metrics(self, trainer, pl_module):
            reads.append(trainer.global_step)
            return super().get_metrics(trainer, pl_module)

    monkeypatch.setattr(tqdm_progress, "monotonic", lambda: 0.0)
    with terminal():
        trainer(Counts()).fit(Line(), loader(50))
    assert reads == [50]  # for the state that stays on the screen


def test_the_last_state_of_a_run_stays_with_its_metrics():
    with terminal() as screen:
        trainer(TQDMProgressBar(), max_epochs=2).fit(Validated(), loader(3), loader(1))
    last = screen.getvalue().rstrip().rpartition("\r")[2]
    assert last.startswith("Epoch 1: 100%")
    assert "3/3" in last
    assert last.endswith("loss=2.000, v=2.000]")


def test_metrics_of_a_validation_are_drawn_when_it_ends(bars, monkeypatch):
    clock(monkeypatch, seconds=1)
    with terminal():
        trainer(TQDMProgressBar(), val_check_interval=2).fit(Validated(), loader(4), loader(1))
    train = bars[0].drawn
    assert ("Epoch 0: ", 2, "loss=1.000") in train
    assert ("Epoch 0: ", 2, "loss=1.000, v=2.000") in train


def test_a_bar_of_training_that_was_passed_over_is_drawn_with_that_of_validation(bars, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(tqdm_progress, "monotonic", lambda: now[0])

    class Slow(Validated):
        def validation_step(self, batch, batch_idx):
            now[0] += 1

    with terminal():
        trainer(TQDMProgressBar()).fit(Slow(), loader(3), loader(2))
    assert [n for _, n, _ in bars[0].drawn] == [0, 3]
    assert [n for _, n, _ in bars[1].drawn] == [1, 2]


def test_a_short_validation_draws_nothing(bars, monkeypatch):
    monkeypatch.setattr(tqdm_progress, "monotonic", lambda: 0.0)
    with terminal():
        trainer(TQDMProgressBar(), max_epochs=3).fit(Validated(), loader(3), loader(4))
    train, *validations = bars
    assert len(train.drawn) == 1  # when training began
    assert all(val.drawn == [] for val in validations)


def test_a_batch_that_concerns_no_bar_costs_one_comparison():
    bar = TQDMProgressBar(refresh_rate=100)
    runs = trainer(bar)
    calls: list[str] = []

    class Counts(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if batch_idx == 10:
                sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if "call" in event else None)
                TQDMProgressBar.on_train_batch_end(bar, trainer, pl_module, outputs, batch, batch_idx)
                sys.setprofile(None)

    runs.callbacks.append(Counts())
    runs.fit(Line(), loader(20))
    assert calls == ["on_train_batch_end", "on_train_batch_end"]  # itself, and the call of setprofile


# Without a terminal.


def test_without_a_terminal_there_is_a_line_for_each_epoch(monkeypatch):
    clock(monkeypatch, seconds=0.5)
    with log() as screen:
        trainer(TQDMProgressBar(), max_epochs=3, num_sanity_val_steps=1).fit(Validated(), loader(2), loader(2))
    lines = screen.getvalue().splitlines()
    assert [line.partition(" [")[0] for line in lines] == ["Epoch 0: 2/2", "Epoch 1: 2/2", "Epoch 2: 2/2"]
    assert all(line.endswith("loss=1.000, v=2.000]") for line in lines)
    assert "\r" not in screen.getvalue()


def test_lines_of_many_short_epochs_are_left_out_but_for_the_first_and_the_last(monkeypatch):
    monkeypatch.setattr(tqdm_progress, "monotonic", lambda: 0.0)
    with log() as screen:
        trainer(TQDMProgressBar(), max_epochs=50).fit(Line(), loader(1))
    assert [line.partition(":")[0] for line in screen.getvalue().splitlines()] == ["Epoch 0", "Epoch 49"]


def test_a_long_epoch_has_a_line_each_minute(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(tqdm_progress, "monotonic", lambda: now[0])

    class Slow(Line):
        def training_step(self, batch, batch_idx):
            now[0] += 10
            return super().training_step(batch, batch_idx)

    with log() as screen:
        trainer(TQDMProgressBar()).fit(Slow(), loader(14))
    starts = [line.partition(" [")[0] for line in screen.getvalue().splitlines()]
    assert starts == ["Epoch 0: 6/14", "Epoch 0: 12/14", "Epoch 0: 14/14"]


def test_an_evaluation_without_a_terminal_is_one_line():
    with log() as screen:
        trainer(TQDMProgressBar()).test(Line(), loader(3), verbose=False)
    (line,) = screen.getvalue().splitlines()
    assert line.startswith("Testing DataLoader 0: 3/3 [")


# Turned off.


@pytest.mark.parametrize("bar", [TQDMProgressBar(refresh_rate=0), TQDMProgressBar()], ids=["rate", "call"])
def test_a_disabled_bar_shows_nothing(bar):
    if bar.refresh_rate:
        bar.disable()
    assert (bar.is_enabled, bar.is_disabled) == (False, True)
    with terminal() as screen:
        trainer(bar, num_sanity_val_steps=1).fit(Validated(), loader(2), loader(1))
    assert screen.getvalue() == ""


def test_a_bar_can_be_enabled_again():
    bar = TQDMProgressBar()
    bar.disable()
    bar.enable()
    assert bar.is_enabled
    with terminal() as screen:
        trainer(bar).fit(Line(), loader(2))
    assert "2/2" in screen.getvalue()


def test_disabling_a_bar_during_a_run_stops_it(bars):
    class Stops(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if batch_idx == 1:
                trainer.progress_bar_callback.disable()

    with terminal():
        trainer(Stops(), TQDMProgressBar()).fit(Line(), loader(4))
    assert moves(bars[0]) == [0, 1]


def test_a_negative_rate_is_refused():
    with pytest.raises(SettingsError, match="refresh_rate=-1"):
        TQDMProgressBar(refresh_rate=-1)


@pytest.mark.parametrize(("asked", "rates"), [("0", [0, 1, 5]), ("3", [3, 3, 5])])
def test_the_users_tqdm_miniters_slows_bars_down_and_never_makes_them_faster(monkeypatch, asked, rates):
    monkeypatch.setenv("TQDM_MINITERS", asked)
    assert [TQDMProgressBar(refresh_rate=rate).refresh_rate for rate in (0, 1, 5)] == rates


def test_a_tqdm_miniters_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("TQDM_MINITERS", "often")
    with pytest.raises(SettingsError, match="TQDM_MINITERS is 'often'"):
        TQDMProgressBar()


# As programs subclass and use it.


def test_a_program_may_bring_bars_of_its_own():
    class Own(TQDMProgressBar):
        BAR_FORMAT = "{desc}|{n_fmt}|{postfix}"

        def init_train_tqdm(self):
            bar = super().init_train_tqdm()
            bar.set_description("own")
            return bar

        def init_validation_tqdm(self):
            return tqdm(total=1, disable=True)

        def init_test_tqdm(self):
            return tqdm(desc="plain tqdm", file=sys.stdout)

        def get_metrics(self, trainer, pl_module):
            metrics = super().get_metrics(trainer, pl_module)
            metrics.pop("v_num", None)
            return {**metrics, "lr": 0.5}

    runs = trainer(Own())
    with terminal() as screen:
        runs.fit(Validated(), loader(2), loader(1))
        runs.test(Line(), loader(2), verbose=False)
    assert "Epoch 0: |2|, loss=1.000, v=2.000, lr=0.500" in screen.getvalue()
    assert "2/2" in screen.getvalue()


def test_a_bar_that_is_not_there_yet_says_when_it_will_be():
    for name in ("train", "val", "test", "predict"):
        with pytest.raises(DetachedError, match=f"no {name}_progress_bar yet"):
            getattr(TQDMProgressBar(), f"{name}_progress_bar")


def test_printing_goes_above_the_bar():
    class Talks(Line):
        def training_step(self, batch, batch_idx):
            self.trainer.progress_bar_callback.print("batch", batch_idx, sep="-")
            return super().training_step(batch, batch_idx)

    with terminal() as screen:
        trainer(TQDMProgressBar()).fit(Talks(), loader(2))
    assert "\rbatch-1\n" in screen.getvalue()


def test_printing_without_a_terminal_and_outside_of_a_run_is_printing(capsys):
    class Talks(Line):
        def training_step(self, batch, batch_idx):
            self.trainer.progress_bar_callback.print("batch", batch_idx)
            return super().training_step(batch, batch_idx)

    TQDMProgressBar().print("before", end="!\n")
    trainer(TQDMProgressBar()).fit(Talks(), loader(1))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["before!", "batch 0"]


def test_printing_does_not_repeat_the_line_of_a_bar(monkeypatch):
    class Talks(Validated):
        def validation_step(self, batch, batch_idx, dataloader_idx=0):
            self.print("shown", batch_idx, sep=":")

    monkeypatch.setattr(Tqdm, "line_gap", 0.0)
    with log() as text:
        trainer(TQDMProgressBar()).fit(Talks(), loader(2), loader(2))
    assert [line.partition(" ")[0] for line in text.getvalue().splitlines()] == ["shown:0", "shown:1", "Epoch"]


def test_a_bar_that_shows_nothing_leaves_printing_as_it_is(capsys):
    bar = TQDMProgressBar(refresh_rate=0)
    runs = trainer(bar)
    runs.fit(Line(), loader(1))
    runs.print("a", "b", sep="-", end="!")
    assert capsys.readouterr().out == "a-b!"


def test_an_error_leaves_the_last_state_on_a_line_of_its_own():
    class Fails(Line):
        def training_step(self, batch, batch_idx):
            raise RuntimeError("broken")

    runs = trainer(TQDMProgressBar())
    with terminal() as screen, pytest.raises(RuntimeError, match="broken"):
        runs.fit(Fails(), loader(2))
    assert screen.getvalue().endswith("\n")
    assert runs.progress_bar_callback.train_progress_bar.disable


def test_copies_go_without_the_bars_of_this_screen():
    bar = TQDMProgressBar(refresh_rate=7)
    with terminal():
        trainer(bar).fit(Line(), loader(2))
    for other in (copy.deepcopy(bar), pickle.loads(pickle.dumps(bar))):
        assert other.refresh_rate == 7
        with pytest.raises(DetachedError):
            _ = other.train_progress_bar
        trainer(other).fit(Line(), loader(2))
