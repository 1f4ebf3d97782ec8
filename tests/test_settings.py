from __future__ import annotations

from datetime import timedelta
from inspect import Parameter, signature
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
import torch

from leyden.core.warnings import LeydenWarning
from leyden.errors import SettingsError
from leyden.settings import UNAVAILABLE, refuse_unavailable, resolve, warn_of_default_epochs
from leyden.trainer import Trainer

DEFAULTS = {
    name: parameter.default
    for name, parameter in signature(Trainer.__init__).parameters.items()
    if name in signature(resolve).parameters
}


def settings(**arguments):
    return resolve(**(DEFAULTS | {"accelerator": "cpu"} | arguments))


def plan(batches=10, validates=True, **arguments):
    return settings(**arguments).plan(batches, validates)


def refused(**arguments):
    """The message with which these arguments are refused."""
    with pytest.raises(SettingsError) as caught:
        settings(**arguments)
    return str(caught.value)


def test_every_argument_of_the_settings_is_one_of_the_trainers():
    assert DEFAULTS.keys() == signature(resolve).parameters.keys()
    assert all(parameter.kind is Parameter.KEYWORD_ONLY for parameter in signature(resolve).parameters.values())


def test_the_defaults_are_lightnings():
    made = settings()
    assert (made.max_epochs, made.epochs, made.min_epochs) == (None, 1000, 0)
    assert (made.max_steps, made.min_steps, made.max_seconds) == (inf, 0, inf)
    limits = (made.limit_train_batches, made.limit_val_batches, made.limit_test_batches, made.limit_predict_batches)
    assert limits == (1.0, 1.0, 1.0, 1.0)
    assert (made.val_check_interval, made.check_val_every_n_epoch, made.num_sanity_val_steps) == (1.0, 1, 2)
    assert (made.log_every_n_steps, made.accumulate_grad_batches) == (50, 1)
    assert (made.gradient_clip_val, made.gradient_clip_algorithm) == (0.0, None)
    assert (made.inference_mode, made.deterministic, made.benchmark, made.fast_dev_run) == (True, False, None, 0)
    assert (made.device, made.precision.name) == (torch.device("cpu"), "32-true")
    assert made.default_root_dir == Path.cwd()


# How long


@pytest.mark.parametrize(
    ("arguments", "epochs"),
    [
        ({"max_epochs": 3}, 3),
        ({"max_epochs": 0}, 0),
        ({"max_epochs": -1}, inf),
        ({"max_steps": 10}, inf),
        ({"max_time": "00:00:01:00"}, inf),
        ({"max_steps": 10, "max_epochs": 3}, 3),
        ({"max_steps": -1}, 1000),
    ],
)
def test_a_thousand_epochs_are_the_limit_only_where_there_is_no_other(arguments, epochs):
    assert settings(**arguments).epochs == epochs
    assert plan(**arguments).max_epochs == epochs


def test_a_fit_that_only_the_default_ends_says_so_once_it_begins():
    with pytest.warns(LeydenWarning, match="ends after 1000 epochs"):
        warn_of_default_epochs(settings())
    for arguments in ({"max_epochs": 1000}, {"max_epochs": -1}, {"max_steps": 5}, {"max_time": {"hours": 1}}):
        warn_of_default_epochs(settings(**arguments))


def test_the_limits_reach_the_plan():
    made = plan(max_epochs=3, min_epochs=1, max_steps=40, min_steps=2, log_every_n_steps=7)
    assert (made.max_epochs, made.min_epochs, made.max_steps, made.min_steps) == (3, 1, 40, 2)
    assert made.log_every == 7


def test_a_least_number_of_steps_implies_one_epoch_unless_told_otherwise():
    assert settings(min_steps=3).min_epochs == 1
    assert settings(min_steps=3, min_epochs=0).min_epochs == 0
    assert settings(min_steps=0).min_epochs == 0


def test_a_limit_of_time_is_a_duration():
    assert settings(max_time={"hours": 1, "minutes": 30}).max_seconds == 5400
    assert refused(max_time="soon").startswith("max_time='soon' is not a duration")


# Numbers


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("fast_dev_run", [0, 1, 7, 2.0, True, False, None], [-1, 1.5, "1", [1]]),
        ("max_epochs", [None, -1, 0, 5, 5.0, inf], [-2, 1.5, "3", True, [3], -inf]),
        ("min_epochs", [None, 0, 5, 5.0], [-1, 1.5, "3", True]),
        ("max_steps", [-1, 0, 5, 1e4, inf], [-2, 1.5, "3", True, None]),
        ("min_steps", [None, 0, 5, 1e4], [-1, 1.5, "3", True, ""]),
        ("num_sanity_val_steps", [None, -1, 0, 5, inf], [-2, 1.5, "3", True]),
        ("log_every_n_steps", [None, 0, 1, 50], [-1, 0.5, "3", True]),
        ("accumulate_grad_batches", [1, 4, 4.0], [0, -1, 1.5, "3", True, None, {0: 4}]),
        ("check_val_every_n_epoch", [1, 4, 4.0], [0, -1, 1.5, "3", True]),
        ("gradient_clip_val", [None, 0, 0.0, 1, 0.5, -1], ["1", True, nan]),
        ("gradient_clip_algorithm", [None, "norm", "value", "NORM"], ["", "l2", 2, True, ["norm"]]),
        ("deterministic", [None, True, False, "warn", 1], ["yes", "", 1.5, 2, [], ["warn"]]),
        (
            "val_check_interval",
            [None, 1, 1.0, 0.25, 10, 10.0, "00:01:00:00", timedelta(0), {"minutes": 1.5}],
            [0, -1, 0.0, 1.5, -0.5, "1", "01:00:00", timedelta(-1), {}, {"years": 1}, True, nan, inf],
        ),
        *(
            (f"limit_{stage}_batches", [None, 0, 0.0, 0.5, 1.0, 1, 100, 100.0], [-1, -0.5, 1.5, "1", True, nan, inf])
            for stage in ("train", "val", "test", "predict")
        ),
        ("overfit_batches", [None, 0, 0.0, 0.5, 1.0, 3], [-1, -0.5, 1.5, "1", True, nan, inf]),
        ("reload_dataloaders_every_n_epochs", [0, 1, 2.0], [-1, 0.5, "1", True, None]),
        ("benchmark", [None, True, False, 1], ["yes", 2, []]),
        ("inference_mode", [True, False, 0, None], ["no", 2, []]),
        ("detect_anomaly", [True, False, 0, None], ["no", 2, []]),
        ("enable_autolog_hparams", [True, False, 0, None], ["no", 2, []]),
        ("default_root_dir", [None, "", "runs", Path("runs")], [3, b"runs", True]),
        ("precision", [None, 32, "32", "64-true", "bf16-mixed"], ["float", 31, True, ["32"]]),
        ("accelerator", ["auto", "cpu"], ["tpu", None, 1]),
        ("devices", ["auto", 1, "1", [0], 2, "2"], [0, -1, [], None, True]),
        ("num_nodes", [1, 2, 3.0], [0, -1, 1.5, "2", None]),
        ("strategy", ["auto", "ddp", "DDP", "ddp_spawn"], ["dp", "fsdp", "", None, 3]),
        ("profiler", [None, "simple", "advanced", "pytorch"], ["xla", 3, ["simple"]]),
        ("use_distributed_sampler", [True, False, 0, None], ["no", 2, []]),
    ],
)
def test_each_argument_takes_what_has_a_meaning_and_refuses_the_rest_by_name_and_value(name, valid, invalid):
    for value in valid:
        settings(**{name: value})
    for value in invalid:
        message = refused(**{name: value})
        assert message.startswith(f"{name}={value!r}"), message
        assert any(word in message for word in ("Use ", "Give ")), message


@pytest.mark.parametrize(("number", "read"), [(3, 3), (np.int64(3), 3), (3.0, 3), (np.float32(3), 3)])
def test_a_whole_number_is_a_plain_int_however_it_is_spelled(number, read):
    made = settings(max_epochs=number, max_steps=number, accumulate_grad_batches=number, limit_val_batches=number)
    numbers = (made.max_epochs, made.max_steps, made.accumulate_grad_batches, made.limit_val_batches)
    assert [(type(one), one) for one in numbers] == [(int, read)] * 4


def test_a_fraction_of_numpys_is_a_plain_float():
    made = settings(limit_train_batches=np.float32(0.5), val_check_interval=np.float64(0.25))
    assert [type(one) for one in (made.limit_train_batches, made.val_check_interval)] == [float, float]


def test_a_limit_keeps_its_type_since_the_type_is_its_meaning():
    assert type(settings(limit_train_batches=1).limit_train_batches) is int
    assert type(settings(limit_train_batches=1.0).limit_train_batches) is float
    assert type(settings(val_check_interval=1).val_check_interval) is int
    assert type(settings(val_check_interval=1.0).val_check_interval) is float


def test_minus_one_is_no_limit():
    made = settings(max_epochs=-1, max_steps=-1, num_sanity_val_steps=-1)
    assert (made.epochs, made.max_steps, made.num_sanity_val_steps) == (inf, inf, inf)
    made = settings(max_epochs=inf, max_steps=inf, num_sanity_val_steps=inf)
    assert (made.epochs, made.max_steps, made.num_sanity_val_steps) == (inf, inf, inf)


def test_no_clipping_has_one_spelling_inside():
    assert [settings(gradient_clip_val=value).gradient_clip_val for value in (None, 0, -1, 0.5)] == [0, 0, 0, 0.5]
    assert settings(gradient_clip_algorithm="Value").gradient_clip_algorithm == "value"


# When to validate


@pytest.mark.parametrize(
    ("arguments", "batches", "every", "epochs"),
    [
        ({}, 10, inf, 1),
        ({"val_check_interval": 1.0}, inf, inf, 1),
        ({"val_check_interval": 0.5}, 10, 5, 1),
        ({"val_check_interval": 0.33}, 10, 3, 1),
        ({"val_check_interval": 0.01}, 10, 1, 1),
        ({"val_check_interval": 4}, 10, 4, 1),
        ({"val_check_interval": 10}, 10, 10, 1),
        ({"val_check_interval": 4}, inf, 4, 1),
        ({"val_check_interval": 15, "check_val_every_n_epoch": None}, 10, 15, None),
        ({"check_val_every_n_epoch": 3}, 10, inf, 3),
        ({"check_val_every_n_epoch": None}, 10, 10, None),
        ({"check_val_every_n_epoch": None}, inf, inf, None),
        ({"val_check_interval": "00:00:00:05"}, inf, inf, 1),
    ],
)
def test_the_interval_of_validation_is_a_count_or_a_fraction_of_the_epoch(arguments, batches, every, epochs):
    made = plan(batches, **arguments)
    assert (made.val_every, made.val_epochs) == (every, epochs)


def test_an_interval_may_be_a_time():
    made = plan(10, val_check_interval=timedelta(seconds=90), check_val_every_n_epoch=None)
    assert (made.val_every, made.val_seconds, made.val_epochs) == (inf, 90, None)
    assert plan(10).val_seconds == inf


def test_a_fit_without_validation_has_no_interval_whatever_was_set():
    assert plan(10, validates=False, val_check_interval=500).val_every == 0


def test_an_interval_longer_than_the_epoch_is_refused_with_the_longest_that_works():
    with pytest.raises(SettingsError, match="val_check_interval=500, but an epoch has 120 batches.*Use at most 120"):
        plan(120, val_check_interval=500)


def test_a_fraction_of_an_epoch_of_unknown_length_is_refused():
    with pytest.raises(SettingsError, match=r"val_check_interval=0\.5 is a fraction .* no length.*whole number"):
        plan(inf, val_check_interval=0.5)


@pytest.mark.parametrize("interval", [1.0, 0.5])
def test_counting_across_epochs_needs_a_count(interval):
    message = refused(check_val_every_n_epoch=None, val_check_interval=interval)
    assert message.startswith("check_val_every_n_epoch=None counts batches across epochs, but val_check_interval=")
    assert "whole number" in message


# The same few batches


def test_overfitting_limits_training_and_validation_and_overrules_their_own_limits():
    made = settings(overfit_batches=0.5, limit_train_batches=3, limit_val_batches=4, limit_test_batches=5)
    limits = (made.overfit_batches, made.limit_train_batches, made.limit_val_batches, made.limit_test_batches)
    assert limits == (0.5, 0.5, 0.5, 5)
    made = settings(overfit_batches=2, fast_dev_run=3)
    assert (made.limit_train_batches, made.limit_val_batches, made.limit_test_batches, made.max_steps) == (2, 2, 3, 3)


# A short run


def test_a_short_run_has_so_many_batches_of_each_loop_and_nothing_that_ends_or_adds_to_it():
    made = settings(
        fast_dev_run=3,
        max_epochs=50,
        min_epochs=10,
        min_steps=100,
        max_steps=200,
        limit_train_batches=0.5,
        val_check_interval=500,
        check_val_every_n_epoch=7,
        num_sanity_val_steps=5,
    )
    assert (made.epochs, made.max_steps, made.min_epochs, made.min_steps) == (1, 3, 10, 100)  # as in Lightning
    limits = (made.limit_train_batches, made.limit_val_batches, made.limit_test_batches, made.limit_predict_batches)
    assert limits == (3, 3, 3, 3)
    assert (made.num_sanity_val_steps, made.val_check_interval, made.check_val_every_n_epoch) == (0, 1.0, 1)


def test_a_short_run_without_a_number_has_one_batch():
    assert settings(fast_dev_run=True).limit_train_batches == 1
    assert settings(fast_dev_run=False).fast_dev_run == 0


# What contradicts


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"min_epochs": 5, "max_epochs": 3}, ["min_epochs=5", "max_epochs=3"]),
        ({"min_steps": 5, "max_steps": 3}, ["min_steps=5", "max_steps=3"]),
        ({"deterministic": True, "benchmark": True}, ["deterministic=True", "benchmark=True"]),
    ],
)
def test_arguments_that_contradict_each_other_are_both_named(arguments, named):
    message = refused(**arguments)
    assert all(argument in message for argument in named)


@pytest.mark.parametrize(
    "arguments",
    [
        {"min_epochs": 5},
        {"min_epochs": 5, "max_epochs": -1},
        {"min_epochs": 5, "max_epochs": 5},
        {"min_steps": 5, "max_steps": -1},
        {"deterministic": True, "benchmark": False},
        {"deterministic": False, "benchmark": True},
    ],
)
def test_arguments_that_only_look_like_a_contradiction_are_taken(arguments):
    taken = settings(**arguments)
    assert all(getattr(taken, name) == value for name, value in arguments.items() if name.startswith("min_"))


def test_the_root_directory_is_made_absolute_and_its_tilde_replaced(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings(default_root_dir="runs").default_root_dir == tmp_path / "runs"
    assert settings(default_root_dir="~/runs").default_root_dir == tmp_path / "runs"
    assert settings(default_root_dir=None).default_root_dir == tmp_path


# What is not there yet


def test_everything_unavailable_is_an_argument_of_the_trainer_whose_default_is_neutral():
    parameters = signature(Trainer.__init__).parameters
    refuse_unavailable(**{name: parameters[name].default for name in UNAVAILABLE})


@pytest.mark.parametrize(
    ("name", "value"),
    [("model_registry", "somewhere")],
)
def test_what_is_unavailable_is_refused_with_what_to_do_instead(name, value):
    with pytest.raises(SettingsError) as caught:
        refuse_unavailable(**{name: value})
    assert str(caught.value) == f"{name}={value!r} is not available in this version. {UNAVAILABLE[name][1]}"


def test_every_unavailable_argument_is_tested():
    marks = test_what_is_unavailable_is_refused_with_what_to_do_instead.pytestmark
    assert {name for name, _ in marks[0].args[1]} == UNAVAILABLE.keys()
