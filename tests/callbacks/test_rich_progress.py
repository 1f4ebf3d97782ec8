from __future__ import annotations

import copy
import io
import logging
import pickle
import re
import sys
from typing import Any

import pytest
import torch
from rich.console import Console
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import leyden as L
from leyden.callbacks import rich_screen
from leyden.callbacks.rich_model_summary import RichModelSummary
from leyden.callbacks.rich_progress import RichProgressBar, RichProgressBarTheme
from leyden.core import packages
from leyden.errors import DetachedError, PackageError, SettingsError


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
        self.log("v", 2.0, prog_bar=True, add_dataloader_idx=False)


class Unsized(IterableDataset):
    def __iter__(self):
        return iter([(torch.ones(4),)] * 3)


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves on by a second each time it is read: everything that may be drawn is drawn."""
    now = [0.0]

    def read() -> float:
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(rich_screen, "monotonic", read)
    return now


@pytest.fixture
def still(monkeypatch):
    """A clock that stands still: only what must be drawn is drawn."""
    monkeypatch.setattr(rich_screen, "monotonic", lambda: 0.0)


def bar(kind: type = RichProgressBar, terminal: bool = True, width: int = 100, **settings: Any) -> Any:
    """A bar and what it draws to."""
    out = io.StringIO()
    console = {"file": out, "force_terminal": terminal, "width": width, "color_system": None, "force_jupyter": False}
    return kind(console_kwargs=console, **settings), out


def loader(batches: int) -> DataLoader[Any]:
    return DataLoader(TensorDataset(torch.ones(batches, 4)), batch_size=1)


def trainer(*callbacks: L.Callback, **settings: Any) -> L.Trainer:
    fixed = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_model_summary": False}
    return L.Trainer(**fixed | {"max_epochs": 1, "num_sanity_val_steps": 0} | settings, callbacks=list(callbacks))


def drawings(out: io.StringIO) -> list[list[str]]:
    """The lines of each drawing, without spaces that vary."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\f", out.getvalue().replace("\r", ""))
    parts = [[re.sub(r" +", " ", line).strip() for line in part.split("\n")] for part in text.split("\f")]
    return [[line for line in lines if line] for lines in parts]


def last(out: io.StringIO) -> list[str]:
    return [lines for lines in drawings(out) if lines][-1]


# What is on the screen


def test_training_has_a_bar_with_its_metrics(clock):
    shown, out = bar(width=120)
    trainer(shown).fit(Line(), loader(3))
    assert re.fullmatch(r"Epoch 0/0 ━+ 3/3 0:00:\d\d • 0:00:00 [\d.]+it/s loss: 2.000", last(out)[0])


def test_each_batch_moves_the_bar(clock):
    shown, out = bar()
    trainer(shown).fit(Line(), loader(3))
    seen = [match[0] for lines in drawings(out) for line in lines if (match := re.search(r"\d/3", line))]
    assert sorted(set(seen)) == ["0/3", "1/3", "2/3", "3/3"]


def test_the_number_of_done_batches_is_padded_to_that_of_all(clock):
    shown, out = bar()
    trainer(shown).fit(Line(), loader(12))
    assert "  9/12 " in out.getvalue()
    assert " 12/12 " in out.getvalue()


def test_validation_has_a_bar_below_that_of_training_while_it_runs(clock):
    shown, out = bar()
    trainer(shown).fit(Validated(), loader(2), loader(3))
    below = [lines[1] for lines in drawings(out) if len(lines) > 1 and lines[1].startswith("Validation")]
    assert below
    assert last(out)[0].startswith("Epoch 0/0")
    assert len(last(out)) == 1


def test_metrics_of_validation_are_shown_at_the_end(clock):
    shown, out = bar(width=120)
    trainer(shown).fit(Validated(), loader(2), loader(1))
    assert last(out)[0].endswith("loss: 1.000 v: 2.000")


def test_the_sanity_check_has_a_bar_that_disappears(clock):
    shown, out = bar()
    trainer(shown, num_sanity_val_steps=2).fit(Validated(), loader(1), loader(3))
    assert "Sanity Checking" in out.getvalue()
    assert not any("Sanity" in line for line in last(out))
    assert (shown.val_sanity_check_bar.completed, shown.val_sanity_check_bar.total) == (2, 2)
    assert not shown.val_sanity_check_bar.visible


def test_each_loader_of_a_test_has_a_bar(clock):
    shown, out = bar()
    trainer(shown).test(Line(), [loader(2), loader(3)], verbose=False)
    assert [re.sub(r"━+", "━", line)[:13] for line in last(out)] == ["Testing ━ 2/2", "Testing ━ 3/3"]


def test_prediction_and_validation_on_their_own_have_bars(clock):
    shown, out = bar()
    run = trainer(shown)
    run.predict(Line(), loader(2))
    assert last(out)[0].startswith("Predicting")
    run.validate(Validated(), loader(2), verbose=False)
    assert last(out)[0].startswith("Validation")


def test_bars_of_epochs_may_stay(clock):
    shown, out = bar(leave=True)
    trainer(shown, max_epochs=2).fit(Line(), loader(2))
    text = out.getvalue()
    assert text.rindex("Epoch 0/1") < text.index("Epoch 1/1")
    assert "2/2" in text[text.rindex("Epoch 0/1") : text.index("Epoch 1/1")]


def test_an_epoch_without_a_known_end_shows_what_is_done(clock):
    shown, out = bar()
    trainer(shown).fit(Line(), DataLoader(Unsized(), batch_size=None))
    assert "3/?" in last(out)[0]


def test_without_a_limit_the_epoch_has_only_its_number(clock):
    shown, out = bar()
    trainer(shown, max_epochs=-1, max_steps=2).fit(Line(), loader(2))
    assert re.match(r"Epoch 0 ━", last(out)[0])


def test_metrics_stand_below_where_there_is_no_room_beside(clock):
    shown, out = bar(width=80)
    trainer(shown).fit(Validated(), loader(2), loader(1))
    assert last(out)[1] == "loss: 1.000 v: 2.000"
    assert max(map(len, last(out)[0])) <= 80


def test_metrics_are_formatted_as_the_theme_says(clock):
    shown, out = bar(width=80, theme=RichProgressBarTheme(metrics_format=".1e", metrics_text_delimiter="\n"))
    trainer(shown).fit(Validated(), loader(2), loader(1))
    assert last(out)[1:] == ["loss: 1.0e+00", "v: 2.0e+00"]


def test_a_run_that_goes_on_inside_an_epoch_shows_where_it_is(clock, tmp_path):
    class Save(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if batch_idx == 1:
                trainer.save_checkpoint(tmp_path / "a.ckpt")

    trainer(Save(), enable_progress_bar=False).fit(Line(), loader(4))
    shown, out = bar()
    trainer(shown).fit(Line(), loader(4), ckpt_path=tmp_path / "a.ckpt")
    text = out.getvalue()
    assert "3/4" in text
    assert "1/4" not in text


def test_what_a_program_prints_stands_above(clock):
    class Talking(Line):
        def on_train_epoch_end(self):
            self.trainer.print("halfway", 1)
            print("plain")

    shown, out = bar()
    trainer(shown).fit(Talking(), loader(1))
    lines = [line for drawn in drawings(out) for line in drawn]
    assert lines.count("halfway 1") == lines.count("plain") == 1
    assert not {"halfway 1", "plain"} & set(last(out))


def test_printing_without_a_run_is_plain(capsys):
    RichProgressBar().print("a", "b", sep="-")
    assert capsys.readouterr().out == "a-b\n"


def test_an_error_gives_the_screen_back(clock):
    class Failing(Line):
        def training_step(self, batch, batch_idx):
            raise RuntimeError("it fails")

    shown, out = bar()
    with pytest.raises(RuntimeError, match="it fails"):
        trainer(shown).fit(Failing(), loader(1))
    assert not shown.progress.live.is_started
    assert sys.stdout is not out


# How often


def test_nothing_is_drawn_before_it_is_time(still):
    shown, out = bar()
    trainer(shown, max_epochs=2).fit(Validated(), loader(50), loader(50))
    assert len([lines for lines in drawings(out) if lines]) < 20
    assert "50/50" in last(out)[0]


def test_a_batch_that_is_not_drawn_makes_few_calls(still):
    shown, _ = bar()
    counted = []

    class Count(L.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if batch_idx:
                calls: list[str] = []
                sys.setprofile(lambda frame, event, arg: calls.append(event) if event == "call" else None)
                try:
                    shown.on_train_batch_end(trainer, pl_module, None, batch, batch_idx)
                finally:
                    sys.setprofile(None)
                counted.append(len(calls))

    trainer(shown, Count()).fit(Line(), loader(3))
    assert max(counted) <= 4


def test_a_rate_of_zero_shows_nothing():
    shown, out = bar(refresh_rate=0)
    assert (shown.is_enabled, shown.is_disabled) == (False, True)
    trainer(shown).fit(Line(), loader(2))
    trainer(shown).test(Line(), loader(2), verbose=False)
    assert out.getvalue() == ""
    assert shown.progress is None


def test_it_can_be_disabled_and_enabled(clock):
    shown, out = bar()
    shown.disable()
    trainer(shown).fit(Line(), loader(2))
    assert out.getvalue() == ""
    shown.enable()
    trainer(shown).fit(Line(), loader(2))
    assert "2/2" in last(out)[0]


# Without a terminal


def test_without_a_terminal_there_is_a_line_for_each_epoch(clock, monkeypatch):
    monkeypatch.setattr(rich_screen, "_LINE_INTERVAL", 1e9)
    shown, out = bar(terminal=False)
    run = trainer(shown, max_epochs=2, num_sanity_val_steps=1)
    run.fit(Validated(), loader(2), loader(2))
    run.test(Line(), loader(3), verbose=False)
    lines = [re.sub(r"[\d.]+it/s|0:00:\d\d", "_", line) for line in out.getvalue().splitlines()]
    assert lines == [
        "Epoch 0/1: 2/2 _ _ loss: 1.000 v: 2.000",
        "Epoch 1/1: 2/2 _ _ loss: 1.000 v: 2.000",
        "Testing: 3/3 _ _",
    ]


def test_a_long_line_is_not_cut(clock, monkeypatch):
    monkeypatch.setattr(rich_screen, "_LINE_INTERVAL", 1e9)
    shown, out = bar(terminal=False, width=20)
    trainer(shown).fit(Line(), loader(2))
    assert len(out.getvalue().splitlines()) == 1


# Subclasses


def test_a_subclass_may_add_columns(clock):
    class More(RichProgressBar):
        def configure_columns(self, trainer):
            from rich.progress import TextColumn

            return [*super().configure_columns(trainer), TextColumn("[{task.fields}]")]

    shown, out = bar(More)
    trainer(shown).fit(Line(), loader(1))
    assert "{}" in last(out)[0]


def test_a_subclass_may_change_the_metrics(clock):
    class Other(RichProgressBar):
        def get_metrics(self, trainer, pl_module):
            return {"whole": 3, "text": "hello"}

    shown, out = bar(Other, width=120)
    trainer(shown).fit(Line(), loader(1))
    assert last(out)[0].endswith("whole: 3 text: hello")


def test_the_bars_can_be_read_while_they_are_there_and_after(clock):
    shown, _ = bar()
    with pytest.raises(DetachedError, match="There is no bar of train yet"):
        _ = shown.train_progress_bar
    assert shown.progress is None
    trainer(shown).fit(Validated(), loader(2), loader(3))
    assert (shown.train_progress_bar.completed, shown.train_progress_bar.total) == (2, 2)
    assert (shown.val_progress_bar.completed, shown.val_progress_bar.total) == (3, 3)
    assert shown.train_progress_bar.id == shown.train_progress_bar_id
    for missing in ("test_progress_bar", "predict_progress_bar", "val_sanity_check_bar"):
        with pytest.raises(DetachedError):
            getattr(shown, missing)


def test_copies_start_without_the_screen(clock):
    shown, _ = bar()
    shown._console_kwargs = {}
    for used in (shown, RichProgressBar(refresh_rate=3)):
        for other in (copy.deepcopy(used), pickle.loads(pickle.dumps(used))):
            assert other.refresh_rate == used.refresh_rate
            assert other.progress is None


# Mistakes and choices


def test_it_takes_the_place_of_the_default_bar():
    run = trainer(RichProgressBar(), enable_model_summary=True)
    assert [type(callback) for callback in run.callbacks] == [RichProgressBar, RichModelSummary]
    assert run.progress_bar_callback is run.callbacks[0]


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    for kind in (RichProgressBar, RichModelSummary):
        with pytest.raises(PackageError, match=rf"{kind.__name__} needs rich.*pip install 'leyden\[rich\]'"):
            kind()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"refresh_rate": -1}, r"RichProgressBar\(refresh_rate=-1\)"),
        ({"theme": "dark"}, r"RichProgressBar\(theme='dark'\) is no theme"),
        ({"theme": RichProgressBarTheme(metrics_format="three")}, r"metrics_format='three'"),
    ],
)
def test_arguments_without_a_meaning_are_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        RichProgressBar(**arguments)


# The summary


def summary(monkeypatch, terminal: bool, **arguments: Any) -> str:
    out = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console", lambda: Console(file=out, force_terminal=terminal, width=100, color_system=None)
    )
    trainer(RichModelSummary(**arguments), enable_progress_bar=False, enable_model_summary=True).fit(Line(), loader(1))
    return out.getvalue()


def test_the_summary_is_a_table(monkeypatch):
    text = summary(monkeypatch, terminal=True)
    assert re.search(r"│ 0 │ layer │ Linear +│ +5 +│ train │", text)
    assert re.search(r" 5 +trainable parameters", text)


def test_the_summary_is_plain_text_without_a_terminal(monkeypatch, caplog):
    caplog.set_level(logging.INFO, logger="leyden")
    assert summary(monkeypatch, terminal=False) == ""
    assert "0  layer  Linear" in caplog.text


def test_the_summary_may_be_turned_off(monkeypatch):
    assert summary(monkeypatch, terminal=True, max_depth=0) == ""
