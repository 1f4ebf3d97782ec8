from __future__ import annotations

import logging
from math import inf, nan

import numpy
import pytest
import torch
from tests.callbacks.scripted import Scripted, train

from leyden.callbacks.early_stopping import EarlyStopping, EarlyStoppingReason
from leyden.callbacks.model_checkpoint import ModelCheckpoint
from leyden.errors import FormatError, MonitorError, SettingsError

Reason = EarlyStoppingReason


def checks(stopping: EarlyStopping, *values: float) -> list[bool]:
    """Whether each of the values ends training."""
    return [stopping._evaluate_stopping_criteria(torch.tensor(float(value)))[0] for value in values]


def test_training_ends_after_so_many_checks_without_improvement():
    stopping = EarlyStopping("loss", patience=2)
    assert checks(stopping, 3, 2, 2.5, 1, 1, 1) == [False, False, False, False, False, True]
    assert (stopping.wait_count, stopping.best_score) == (2, 1)
    assert stopping.stopping_reason is Reason.PATIENCE_EXHAUSTED


@pytest.mark.parametrize("patience", [0, 1])
def test_no_patience_ends_training_at_the_first_check_without_improvement(patience):
    assert checks(EarlyStopping("loss", patience=patience), 3, 2, 2) == [False, False, True]


@pytest.mark.parametrize(
    ("settings", "values", "ends"),
    [
        ({"min_delta": 0.5, "patience": 2}, [3, 2.9, 2.8], 2),
        ({"min_delta": 0.5, "patience": 1}, [3, 2.5], 1),  # exactly min_delta is not more than it
        ({"min_delta": 0.5, "patience": 1, "mode": "max"}, [1, 1.4], 1),
        ({"min_delta": 0.1, "patience": 2, "mode": "max"}, [1, 2, 2.05, 2.0], 3),
        ({"stopping_threshold": 1.0}, [3, 2, 1, 0.5], 3),  # reached is not passed
        ({"stopping_threshold": 1.5, "mode": "max"}, [1, 2], 1),
        ({"divergence_threshold": 9}, [3, 9, 10], 2),
        ({"divergence_threshold": 0.5, "mode": "max"}, [3, 0.5, 0.1], 2),
        ({}, [3, nan], 1),
        ({}, [3, inf], 1),
        ({"check_finite": False, "patience": 2}, [3, nan, nan], 2),
        ({"check_finite": False, "patience": 2, "mode": "max"}, [3, inf, 4, 5], 3),
    ],
)
def test_the_first_value_that_ends_training(settings, values, ends):
    assert checks(EarlyStopping("x", **settings), *values) == [index == ends for index in range(len(values))]


def test_a_negative_min_delta_allows_getting_worse_by_that_much():
    assert not any(checks(EarlyStopping("x", min_delta=-0.5, patience=1), 3, 3.4, 3.8))


@pytest.mark.parametrize(
    ("settings", "values", "reason"),
    [
        ({"patience": 1}, [1, 2], Reason.PATIENCE_EXHAUSTED),
        ({"stopping_threshold": 2}, [1], Reason.STOPPING_THRESHOLD),
        ({"divergence_threshold": 2}, [3], Reason.DIVERGENCE_THRESHOLD),
        ({}, [nan], Reason.NON_FINITE_METRIC),
    ],
)
def test_the_reason_is_told(settings, values, reason):
    stopping = EarlyStopping("x", **settings)
    assert stopping.stopping_reason is Reason.NOT_STOPPED
    assert checks(stopping, *values)[-1]
    assert stopping.stopping_reason is reason


def test_a_threshold_leaves_the_count_and_the_best_alone():
    stopping = EarlyStopping("x", divergence_threshold=9)
    checks(stopping, 3, 4, 10)
    assert (stopping.wait_count, stopping.best_score) == (1, 3)


def test_the_best_score_is_a_copy():
    stopping, metric = EarlyStopping("x"), torch.tensor(1.0)
    stopping._evaluate_stopping_criteria(metric)
    metric.fill_(5)
    assert stopping.best_score == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"monitor": 3}, "monitor=3"),
        ({"monitor": ""}, "monitor=''"),
        ({"mode": "auto"}, "mode='auto'"),
        ({"patience": -1}, "patience=-1"),
        ({"patience": 1.5}, r"patience=1\.5"),
        ({"min_delta": nan}, "min_delta=nan"),
        ({"min_delta": "0"}, "min_delta='0'"),
        ({"stopping_threshold": nan}, "stopping_threshold=nan"),
        ({"divergence_threshold": True}, "divergence_threshold=True"),
        ({"stopping_threshold": 1, "divergence_threshold": 0.1}, "leave no value"),
        ({"stopping_threshold": 0.1, "divergence_threshold": 1, "mode": "max"}, "leave no value"),
    ],
)
def test_an_argument_without_meaning_is_named_with_its_value(arguments, message):
    with pytest.raises(SettingsError, match=message):
        EarlyStopping(**({"monitor": "x"} | arguments))


def test_numbers_of_numpy_are_numbers():
    stopping = EarlyStopping("x", min_delta=numpy.float32(0.5), patience=numpy.int64(1))
    assert checks(stopping, 3, 2.5) == [False, True]


def test_the_attributes_are_lightnings():
    stopping = EarlyStopping("x", min_delta=0.25)
    assert (stopping.min_delta, EarlyStopping("x", min_delta=0.25, mode="max").min_delta) == (-0.25, 0.25)
    assert stopping.monitor_op is torch.lt
    assert stopping.order_dict[stopping.mode] == "<"
    assert stopping.state_key == "EarlyStopping{'monitor': 'x', 'mode': 'min'}"
    assert stopping.best_score == inf


def test_the_state_has_lightnings_keys_and_comes_back():
    stopping = EarlyStopping("x", patience=2)
    checks(stopping, 3, 4)
    state = stopping.state_dict()
    assert state == {
        "wait_count": 1,
        "stopped_epoch": 0,
        "best_score": torch.tensor(3.0),
        "patience": 2,
        "stopping_reason": 0,
        "stopping_reason_message": None,
    }
    resumed = EarlyStopping("x", patience=5)
    resumed.load_state_dict(state)
    assert resumed.patience == 2
    assert checks(resumed, 4) == [True]
    assert resumed.state_dict()["stopping_reason"] == 3


def test_a_state_of_an_older_lightning_has_no_reason():
    stopping = EarlyStopping("x")
    stopping.load_state_dict({"wait_count": 1, "stopped_epoch": 0, "best_score": torch.tensor(3.0), "patience": 2})
    assert stopping.stopping_reason is Reason.NOT_STOPPED


@pytest.mark.parametrize(
    "change",
    [
        {"wait_count": -1},
        {"wait_count": True},
        {"wait_count": None},
        {"best_score": "low"},
        {"best_score": torch.tensor(nan)},
        {"best_score": torch.zeros(2)},
        {"best_score": torch.tensor(1j)},
        {"patience": 2.0},
        {"stopping_reason": 5},
        {"stopping_reason_message": 3},
    ],
)
def test_a_state_that_is_malformed_is_refused_and_changes_nothing(change):
    stopping = EarlyStopping("x")
    before = stopping.state_dict()
    with pytest.raises(FormatError, match=rf"EarlyStopping.*{next(iter(change))}"):
        stopping.load_state_dict(before | {"wait_count": 7} | change)
    assert stopping.state_dict() == before


def test_a_state_that_is_no_dict_is_refused():
    with pytest.raises(FormatError, match="is a list"):
        EarlyStopping("x").load_state_dict([])


def test_the_trainer_stops_in_the_epoch_in_which_patience_ends(tmp_path):
    stopping = EarlyStopping("val")
    trainer = train(tmp_path, Scripted([3, 2, 2, 2, 2, 2]), stopping, max_epochs=9)
    assert (trainer.current_epoch, trainer.should_stop) == (5, True)
    assert (stopping.stopped_epoch, stopping.wait_count) == (4, 3)
    assert "has not improved in 3 checks" in stopping.stopping_reason_message


def test_a_metric_of_training_can_be_monitored_without_validation(tmp_path):
    stopping = EarlyStopping("train", patience=1)
    settings = {"validation": 0, "max_epochs": 9, "check_val_every_n_epoch": 2}
    trainer = train(tmp_path, Scripted(train=[3, 2, 2]), stopping, **settings)
    assert trainer.current_epoch == 3


@pytest.mark.parametrize(
    ("settings", "ends"),
    [
        ({"val_check_interval": 2}, (2, 10)),  # after the fifth validation
        ({"check_val_every_n_epoch": 2}, (9, 40)),
        ({"check_val_every_n_epoch": None, "val_check_interval": 3}, (3, 15)),
    ],
)
def test_where_validation_does_not_end_every_epoch_its_end_is_when_to_check(tmp_path, settings, ends):
    stopping = EarlyStopping("val")
    trainer = train(tmp_path, Scripted([3, 2, 2, 2, 2]), stopping, max_epochs=20, **settings)
    assert (stopping.stopped_epoch, trainer.global_step) == ends


def test_the_end_of_the_training_epoch_can_be_chosen(tmp_path):
    stopping = EarlyStopping("val", patience=2, check_on_train_epoch_end=True)
    trainer = train(tmp_path, Scripted([3, 2, 2, 2, 2, 2, 1]), stopping, max_epochs=9, val_check_interval=2)
    assert trainer.global_step == 12  # the third epoch, as long as it was


def test_min_epochs_holds_stopping_back_and_the_checks_go_on(tmp_path):
    stopping = EarlyStopping("val", patience=1)
    train(tmp_path, Scripted([3, 2, 2, 2, 1, 1, 1]), stopping, max_epochs=9, min_epochs=6)
    assert (stopping.stopped_epoch, stopping.wait_count) == (5, 1)


def test_a_metric_that_nobody_logged_is_an_error_that_lists_those_there_are(tmp_path):
    with pytest.raises(MonitorError, match=r"monitors 'nope'.*'val'.*self\.log\('nope', value\).*strict=False"):
        train(tmp_path, Scripted([3], name="val"), EarlyStopping("nope"))


def test_without_strict_a_missing_metric_skips_the_check(tmp_path):
    stopping = EarlyStopping("nope", strict=False)
    assert train(tmp_path, Scripted([3]), stopping, max_epochs=2).current_epoch == 2
    assert stopping.wait_count == 0


def test_the_sanity_check_and_validation_alone_are_not_checked(tmp_path):
    stopping = EarlyStopping("val", check_on_train_epoch_end=False)
    module = Scripted([3, 3])
    trainer = train(tmp_path, module, stopping, max_epochs=1, num_sanity_val_steps=1)
    trainer.validate(module, module.trainer.val_dataloaders, verbose=False)
    assert stopping.wait_count == 0


def test_verbose_says_what_improved_and_why_training_ended(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="leyden"):
        train(tmp_path, Scripted([3, 1, 1]), EarlyStopping("val", patience=1, verbose=True), max_epochs=9)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "val is 3.000 at the first check.",
        "val improved by 2.000 to 1.000, its best so far.",
        "val has not improved in 1 checks in a row; the best was 1.000. Training ends.",
    ]


def test_a_subclass_may_decide_otherwise(tmp_path):
    class Warm(EarlyStopping):
        def _evaluate_stopping_criteria(self, current):
            return super()._evaluate_stopping_criteria(current) if current < 2 else (False, None)

    assert train(tmp_path, Scripted([3, 3, 3, 1, 1]), Warm("val", patience=1), max_epochs=9).current_epoch == 5


def test_a_resumed_run_stops_when_an_uninterrupted_one_does(tmp_path):
    whole = train(tmp_path / "whole", Scripted([1, 2, 2, 2]), EarlyStopping("val"), max_epochs=9)
    first, saver = EarlyStopping("val"), ModelCheckpoint(dirpath=tmp_path / "ckpts")
    train(tmp_path, Scripted([1, 2, 2]), first, saver, max_epochs=2)
    assert first.wait_count == 1
    second = EarlyStopping("val", patience=7)
    again = ModelCheckpoint(dirpath=tmp_path / "ckpts")
    resumed = train(tmp_path, Scripted([2]), second, again, max_epochs=9, ckpt_path=saver.best_model_path)
    assert (resumed.current_epoch, second.stopped_epoch) == (whole.current_epoch, 3)
