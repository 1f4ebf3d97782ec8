from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy
import pytest

from leyden.callbacks.model_checkpoint import ModelCheckpoint
from leyden.errors import SettingsError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"save_top_k": -2}, "save_top_k=-2"),
        ({"save_top_k": 1.5}, r"save_top_k=1\.5"),
        ({"save_top_k": "2"}, "save_top_k='2'"),
        ({"save_top_k": 2}, "save_top_k=2 with monitor=None"),
        ({"mode": "auto"}, "mode='auto'"),
        ({"monitor": 3}, "monitor=3"),
        ({"monitor": ""}, "monitor=''"),
        ({"save_last": "lnk"}, "save_last='lnk'"),
        ({"every_n_train_steps": -1}, "every_n_train_steps=-1"),
        ({"every_n_train_steps": 2.5}, r"every_n_train_steps=2\.5"),
        ({"every_n_epochs": -1}, "every_n_epochs=-1"),
        ({"train_time_interval": 5}, "train_time_interval=5"),
        ({"train_time_interval": timedelta(seconds=-1)}, "must be a datetime.timedelta that is not negative"),
        ({"every_n_train_steps": 5, "every_n_epochs": 1}, "=5 and every_n_epochs=1 exclude each other"),
        ({"every_n_epochs": 2, "train_time_interval": timedelta(1)}, "every_n_epochs=2 and train_time_interval"),
        ({"every_n_train_steps": 2, "train_time_interval": timedelta(1)}, "=2 and train_time_interval"),
        ({"filename": Path("x")}, "must be a string"),
        ({"filename": "{epoch"}, "braces"),
        ({"filename": "../x"}, "leads out of the directory"),
        ({"dirpath": 3}, "dirpath=3 must be a path"),
    ],
)
def test_an_argument_without_meaning_is_named_with_its_value_and_the_way_out(arguments, message):
    with pytest.raises(SettingsError, match=message):
        ModelCheckpoint(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"save_top_k": 0},
        {"save_top_k": -1},
        {"save_top_k": numpy.int64(3), "monitor": "val_loss"},
        {"every_n_train_steps": 0, "every_n_epochs": 2},
        {"every_n_train_steps": 0, "every_n_epochs": 0, "train_time_interval": timedelta(seconds=1)},
        {"train_time_interval": timedelta(0)},
        {"save_last": "link", "save_top_k": 0},
        {"save_last": True, "save_top_k": -1},
    ],
)
def test_what_lightning_accepts_with_a_meaning_is_accepted(arguments):
    assert ModelCheckpoint(**arguments).state_dict()["best_model_path"] == ""


def test_epochs_count_unless_steps_or_time_do():
    assert ModelCheckpoint().every_n_epochs == 1
    assert ModelCheckpoint(every_n_epochs=3).every_n_epochs == 3
    assert ModelCheckpoint(every_n_train_steps=5).every_n_epochs == 0
    assert ModelCheckpoint(every_n_train_steps=0).every_n_epochs == 0
    assert ModelCheckpoint(train_time_interval=timedelta(1)).every_n_epochs == 0


def test_a_directory_is_made_absolute_and_the_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    root = tmp_path.resolve()
    assert ModelCheckpoint(dirpath="rel").dirpath == str(root / "rel")
    assert ModelCheckpoint(dirpath=Path("rel")).dirpath == str(root / "rel")
    assert ModelCheckpoint(dirpath="~/x").dirpath == str(root / "home" / "x")
    assert ModelCheckpoint(dirpath="link").dirpath == str(root / "real")
    assert ModelCheckpoint().dirpath is None


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({}, "None, 'min', 0, 1, None"),
        ({"every_n_train_steps": 3}, "None, 'min', 3, 0, None"),
        ({"monitor": "a", "mode": "max", "every_n_epochs": 3, "dirpath": "/x"}, "'a', 'max', 0, 3, None"),
        ({"train_time_interval": timedelta(minutes=2)}, "None, 'min', 0, 0, datetime.timedelta(seconds=120)"),
    ],
)
def test_the_state_key_is_lightnings(arguments, key):
    monitor, mode, steps, epochs, time = key.split(", ")
    assert ModelCheckpoint(**arguments).state_key == (
        f"ModelCheckpoint{{'monitor': {monitor}, 'mode': {mode}, 'every_n_train_steps': {steps}, "
        f"'every_n_epochs': {epochs}, 'train_time_interval': {time}}}"
    )
