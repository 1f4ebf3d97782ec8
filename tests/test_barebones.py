"""A trainer without anything around the loops."""

from __future__ import annotations

import warnings

import pytest
from tests.tiny import Tiny, batches

import leyden as L
from leyden.callbacks import EarlyStopping, ModelCheckpoint
from leyden.core.warnings import LeydenWarning
from leyden.errors import MonitorError


def bare(**arguments):
    return L.Trainer(**({"accelerator": "cpu", "barebones": True, "max_epochs": 1} | arguments))


class Silent(Tiny):
    def training_step(self, batch, batch_idx):
        return self(batch).pow(2).mean()

    def validation_step(self, batch, batch_idx):
        pass


def test_there_is_nothing_around_the_loops(tmp_path):
    trainer = bare(default_root_dir=tmp_path)
    assert trainer.barebones
    assert (trainer.callbacks, trainer.loggers, trainer.logger) == ([], [], None)
    assert (trainer.num_sanity_val_steps, trainer.log_every_n_steps) == (0, 0)
    trainer.fit(Silent(), batches(2), batches(1))
    assert trainer.global_step == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"logger": True},
        {"enable_checkpointing": True},
        {"enable_progress_bar": True},
        {"enable_model_summary": True},
        {"num_sanity_val_steps": 2},
        {"log_every_n_steps": 5},
        {"fast_dev_run": True},
        {"detect_anomaly": True},
        {"profiler": "simple"},
    ],
    ids=str,
)
def test_what_it_takes_away_cannot_be_asked_for(asked):
    (name,) = asked
    with pytest.raises(ValueError, match=f"barebones=True .* {name}="):
        bare(**asked)


def test_what_it_takes_away_may_be_turned_off_by_name():
    assert bare(logger=False, enable_checkpointing=False, num_sanity_val_steps=0, log_every_n_steps=0).barebones


def test_a_callback_that_saves_contradicts_it():
    with pytest.raises(ValueError, match="ModelCheckpoint"):
        bare(callbacks=[ModelCheckpoint()])


class Logs(L.Callback):
    def on_train_batch_end(self, *args):
        self.log("theirs", 1.0)
        self.log_dict({"other": 1.0})


def test_what_is_logged_is_dropped_with_one_warning():
    trainer = bare(callbacks=[Logs()])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(Tiny(), batches(3), batches(1))
    assert [(w.category, "barebones=True" in str(w.message)) for w in caught] == [(LeydenWarning, True)]
    assert trainer.callback_metrics == trainer.logged_metrics == trainer.progress_bar_metrics == {}


@pytest.mark.filterwarnings("ignore:self.log")
def test_a_validation_answers_nothing_and_early_stopping_has_nothing_to_watch(capsys):
    assert bare().validate(Tiny(), batches(1)) == [{}]
    assert capsys.readouterr().out == ""
    with pytest.raises(MonitorError):
        bare(callbacks=[EarlyStopping("val")]).fit(Tiny(), batches(1), batches(1))
