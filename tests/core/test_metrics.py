import re
import sys
from itertools import chain

import pytest
import torch
from torch import Tensor

from leyden.core.metrics import Log, floats, row
from leyden.core.stage import RunningStage
from leyden.core.warnings import LeydenWarning
from leyden.errors import LogError

TRAINING, VALIDATING, TESTING = RunningStage.TRAINING, RunningStage.VALIDATING, RunningStage.TESTING
BOTH = {"on_step": True, "on_epoch": True}


def begun(stage=TRAINING, loaders=1, log=None):
    """A log that stands in the step of the first batch."""
    log = log if log is not None else Log()
    log.open(stage, loaders)
    return batch(log, stage)


def batch(log, stage=TRAINING, size=2, loader=0):
    log.begin_batch(torch.zeros(size, 3), loader)
    log.hook = "training_step" if stage is TRAINING else "validation_step"
    return log


def numbers(metrics):
    return {name: float(value) for name, value in metrics.items()}


# Steps and epochs.


def test_a_step_value_is_seen_at_once():
    log = begun()
    log.log("loss", torch.tensor(1.5))
    assert numbers(log.callback_metrics) == numbers(log.logged_metrics) == numbers(log.step_metrics()) == {"loss": 1.5}
    batch(log).log("loss", torch.tensor(2.5))
    assert numbers(log.callback_metrics) == {"loss": 2.5}


def test_an_epoch_value_is_seen_when_no_batch_is_left():
    log = begun()
    for value in (1.0, 4.0):
        batch(log).log("loss", value, on_step=False, on_epoch=True)
    assert log.callback_metrics == log.logged_metrics == log.step_metrics() == {}
    log.end_batches()
    assert numbers(log.callback_metrics) == numbers(log.logged_metrics) == numbers(log.epoch_metrics()) == {"loss": 2.5}


def test_callbacks_see_a_forked_value_by_its_bare_name_too():
    log = begun()
    log.log("loss", 1.0, prog_bar=True, **BOTH)
    batch(log).log("loss", 2.0, prog_bar=True, **BOTH)
    assert numbers(log.callback_metrics) == {"loss": 2.0, "loss_step": 2.0}
    assert numbers(log.logged_metrics) == log.progress_bar_metrics == {"loss_step": 2.0}
    log.end_batches()
    assert numbers(log.callback_metrics) == {"loss": 1.5, "loss_step": 2.0, "loss_epoch": 1.5}
    assert numbers(log.logged_metrics) == log.progress_bar_metrics == {"loss_step": 2.0, "loss_epoch": 1.5}
    assert numbers(log.epoch_metrics()) == {"loss_epoch": 1.5}


def test_a_value_goes_where_it_was_sent():
    log = begun()
    log.log("quiet", 1.0, logger=False)
    log.log("bar", 2.0, logger=False, prog_bar=True)
    assert numbers(log.callback_metrics) == {"quiet": 1.0, "bar": 2.0}
    assert log.progress_bar_metrics == {"bar": 2.0}
    assert log.logged_metrics == log.step_metrics() == {}


def test_a_row_still_holds_what_an_earlier_batch_of_the_epoch_logged():
    log = begun()
    log.log("first", 1.0)
    batch(log).log("each", 2.0)
    assert numbers(log.step_metrics()) == {"first": 1.0, "each": 2.0}
    log.close()
    begun(log=log).log("each", 3.0)
    assert numbers(log.step_metrics()) == {"each": 3.0}
    assert numbers(log.callback_metrics) == {"first": 1.0, "each": 3.0}


def test_two_values_in_one_batch_both_count_in_the_epoch_and_the_last_is_the_step():
    log = begun()
    log.log("x", 1.0, **BOTH)
    log.log("x", 5.0, **BOTH)
    log.end_batches()
    assert numbers(log.callback_metrics) == {"x": 3.0, "x_step": 5.0, "x_epoch": 3.0}


def test_one_name_in_two_hooks_is_two_values_of_which_the_later_is_seen():
    log = begun()
    log.log("x", 1.0)
    log.hook = "on_train_batch_end"
    log.log("x", 9.0)
    assert numbers(log.step_metrics()) == {"x": 9.0}


def test_what_was_logged_when_training_started_belongs_to_the_first_epoch():
    log = Log()
    log.open(TRAINING)
    log.hook = "on_train_start"
    log.log("start", 1.0)
    begun(log=log).log("loss", 2.0, on_step=False, on_epoch=True)
    assert numbers(log.epoch_metrics()) == {"start": 1.0, "loss": 2.0}
    log.close()
    begun(log=log).log("loss", 3.0, on_step=False, on_epoch=True)
    assert numbers(log.epoch_metrics()) == {"loss": 3.0}


def test_what_was_logged_before_the_first_batch_is_seen_until_it_begins():
    log = Log()
    log.open(VALIDATING)
    log.hook = "on_validation_start"
    log.log("start", 1.0)
    assert numbers(log.callback_metrics) == {"start": 1.0}


def test_a_validation_inside_an_epoch_shows_nothing_of_its_own_before_its_end():
    log = begun()
    log.open(VALIDATING)
    log.hook = "on_validation_start"
    log.log("start", 1.0)
    assert log.callback_metrics == {}
    batch(log, VALIDATING)
    log.end_batches()
    assert numbers(log.callback_metrics) == {"start": 1.0}


def test_the_hook_at_the_end_of_an_epoch_may_log_for_it():
    log = begun()
    log.end_batches()
    log.hook = "on_train_epoch_end"
    log.log("late", 1.0)
    assert numbers(log.callback_metrics) == numbers(log.epoch_metrics()) == {"late": 1.0}


def test_an_epoch_mean_is_weighted_by_batch_size():
    log = begun()
    for size, value in ((1, 4.0), (3, 0.0)):
        batch(log, size=size).log("x", value, on_step=False, on_epoch=True)
    assert log.epoch_metrics()["x"].item() == 1.0


def test_the_batch_size_of_a_call_goes_first_and_may_change():
    log = begun()
    log.log("x", 4.0, on_step=False, on_epoch=True, batch_size=3)
    log.log("x", 0.0, on_step=False, on_epoch=True, batch_size=1)
    assert log.epoch_metrics()["x"].item() == 3.0


@pytest.mark.parametrize("size", ["many", [2], torch.zeros(2), 1j])
def test_a_batch_size_is_a_number(size):
    with pytest.raises(LogError, match="batch_size=.*is not a number"):
        begun().log("x", 1.0, on_epoch=True, batch_size=size)


def test_a_batch_without_tensors_needs_a_size_only_for_a_mean_of_the_epoch():
    log = begun()
    log.begin_batch("text")
    log.log("step", 1.0)
    log.log("given", 1.0, on_epoch=True, batch_size=4)
    with pytest.raises(LogError, match="batch_size="):
        log.log("guess", 1.0, on_epoch=True)


def test_an_ambiguous_batch_warns_once_though_many_values_are_logged():
    log = begun()
    log.begin_batch((torch.zeros(2), torch.zeros(3)))
    with pytest.warns(LeydenWarning) as warned:
        log.log_dict({"a": 1.0, "b": 2.0, "c": 3.0}, on_epoch=True)
    assert len(warned) == 1


def test_outside_of_a_batch_every_value_weighs_one():
    log = begun(stage=VALIDATING)
    batch(log, VALIDATING, size=7)
    log.end_batches()
    log.hook = "on_validation_epoch_end"
    values = torch.randn(20, generator=torch.Generator().manual_seed(0))
    expected = torch.zeros(())
    for value in values:
        log.log("x", value)
        expected = expected + value
    assert torch.equal(log.epoch_metrics()["x"], expected / 20)


# Values.


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (torch.tensor(1.5), torch.float32),
        (torch.tensor(1.5, dtype=torch.float64), torch.float64),
        (torch.tensor(1.5, dtype=torch.float16), torch.float32),
        (torch.tensor(1.5, dtype=torch.bfloat16), torch.float32),
        (torch.tensor(3), torch.float32),
        (torch.tensor(True), torch.float32),
        (torch.tensor([[1.5]]), torch.float32),
        (torch.nn.Parameter(torch.tensor(1.5)), torch.float32),
        (1.5, torch.float32),
        (3, torch.float32),
        (True, torch.float32),
    ],
)
def test_one_number_of_any_kind_becomes_a_tensor_of_at_least_float32(value, dtype):
    log = begun()
    log.log("x", value, **BOTH)
    log.end_batches()
    for seen in log.callback_metrics.values():
        assert seen.shape == ()
        assert seen.dtype is dtype
        assert not seen.requires_grad
        assert seen.item() == float(torch.as_tensor(value).detach())


@pytest.mark.parametrize("default", [torch.bfloat16, torch.float16, torch.float64])
def test_half_precision_does_not_round_what_is_logged(default):
    """Inside a step of a half-precision run, half is the type that new tensors have."""
    log, before = begun(), torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        log.log("number", 1.001)
        log.log("count", torch.tensor(1001))
    finally:
        torch.set_default_dtype(before)
    wide = torch.float64 if default is torch.float64 else torch.float32
    assert {value.dtype for value in log.callback_metrics.values()} == {wide}
    assert numbers(log.callback_metrics) == {"number": pytest.approx(1.001, rel=1e-6), "count": 1001}


def test_a_number_has_the_default_dtype_of_the_moment():
    log = begun()
    torch.set_default_dtype(torch.float64)
    try:
        log.log("x", 1.1, **BOTH)
    finally:
        torch.set_default_dtype(torch.float32)
    log.end_batches()
    assert log.callback_metrics["x_step"].item() == log.callback_metrics["x_epoch"].item() == 1.1


@pytest.mark.parametrize("value", [torch.zeros(2), torch.zeros(0)])
def test_a_tensor_of_several_numbers_is_refused(value):
    with pytest.raises(
        LogError, match=re.escape(f"self.log('x') in training_step: a tensor of shape {tuple(value.shape)}")
    ):
        begun().log("x", value)


@pytest.mark.parametrize("value", [None, "1", [1.0], {"a": 1.0}, 1j])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(LogError, match=f"a value of type {type(value).__name__} is not a number"):
        begun().log("x", value)


def test_a_refused_value_leaves_nothing_behind():
    log = begun()
    with pytest.raises(LogError):
        log.log("x", None)
    log.end_batches()
    assert log.callback_metrics == {}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_later_change_in_place_does_not_reach_what_was_logged(dtype):
    value = torch.tensor(1.0, dtype=dtype)
    log = begun()
    log.log("x", value, **BOTH)
    log.log("y", value[None], **BOTH)
    log.log("largest", value, reduce_fx="max", **BOTH)
    value.fill_(9.0)
    log.end_batches()
    assert set(numbers(log.callback_metrics).values()) == {1.0}


def test_a_logged_loss_does_not_keep_its_graph():
    weight = torch.nn.Parameter(torch.tensor(2.0))
    log = begun()
    for keep in (False, True):
        log.log(f"loss{keep}", weight * 3, enable_graph=keep, **BOTH)
    log.end_batches()
    assert not any(value.requires_grad for value in log.callback_metrics.values())


def test_values_logged_in_inference_mode_mix_with_others():
    log = begun()
    with torch.inference_mode():
        log.log("x", torch.tensor(1.0), **BOTH)
    log.log("x", torch.tensor(2.0), **BOTH)
    log.end_batches()
    assert numbers(log.callback_metrics) == {"x": 1.5, "x_step": 2.0, "x_epoch": 1.5}


# Names and arguments.


@pytest.mark.parametrize("name", ["train/loss", "a.b", "a b", "", "é", "loss_step", "epoch", "step"])
def test_a_name_may_be_any_text(name):
    log = begun()
    log.log(name, 1.0)
    assert numbers(log.callback_metrics) == {name: 1.0}


@pytest.mark.parametrize("name", [1, None, ("a",)])
def test_a_name_is_text(name):
    with pytest.raises(LogError, match="a name is a str"):
        begun().log(name, 1.0)


def test_a_name_that_ends_like_that_of_another_loader_is_refused():
    with pytest.raises(LogError, match="add_dataloader_idx=False"):
        begun().log("x/dataloader_idx_1", 1.0)
    begun().log("x/dataloader_idx_1", 1.0, add_dataloader_idx=False)


@pytest.mark.parametrize(
    "changed",
    [{"prog_bar": True}, {"logger": False}, {"on_step": False}, {"on_epoch": False}, {"reduce_fx": "max"},
     {"enable_graph": True}, {"add_dataloader_idx": False}, {"rank_zero_only": True}],
)  # fmt: skip
def test_one_name_is_logged_in_one_way(changed):
    log = begun()
    log.log("x", 1.0, **BOTH)
    with pytest.raises(LogError, match=rf"self.log\('x'\) in training_step.*{next(iter(changed))}=.*before"):
        log.log("x", 1.0, **{**BOTH, **changed})


def test_arguments_that_mean_the_same_are_the_same():
    log = begun()
    log.log("x", 1.0)
    log.log("x", 2.0, on_step=True, on_epoch=False, logger=True, reduce_fx=torch.mean)
    log.log("x", 3.0, sync_dist=True, batch_size=4, metric_attribute="metric")
    assert numbers(log.callback_metrics) == {"x": 3.0}


def test_log_dict_logs_each_value_with_the_same_arguments():
    log = begun()
    log.log_dict({"a": torch.tensor(1.0), "b": 2}, prog_bar=True)
    assert log.progress_bar_metrics == {"a": 1.0, "b": 2.0}


def test_nothing_can_be_logged_when_no_epoch_is_open():
    log = Log()
    log.hook = "on_train_start"
    with pytest.raises(LogError, match="no epoch or evaluation is running"):
        log.log("x", 1.0)


# Evaluations.


def test_callbacks_see_no_step_values_of_an_evaluation():
    log = begun(stage=VALIDATING)
    log.log("x", 1.0, prog_bar=True, **BOTH)
    assert log.callback_metrics == {}
    assert numbers(log.logged_metrics) == log.progress_bar_metrics == {"x_step": 1.0}
    log.end_batches()
    assert numbers(log.callback_metrics) == {"x": 1.0, "x_epoch": 1.0}


def test_several_loaders_are_told_apart_by_a_suffix():
    log = begun(stage=VALIDATING, loaders=2)
    rows = []
    for loader in (0, 1):
        batch(log, VALIDATING, loader=loader).log("x", 1.0 + loader, **BOTH)
        rows.append(numbers(log.step_metrics()))
    assert rows == [{"x_step/dataloader_idx_0": 1.0}, {"x_step/dataloader_idx_1": 2.0}]
    log.end_batches()
    assert numbers(log.epoch_metrics()) == {"x_epoch/dataloader_idx_0": 1.0, "x_epoch/dataloader_idx_1": 2.0}
    assert log.callback_metrics["x/dataloader_idx_1"].item() == 2.0


def test_the_epoch_of_a_loader_is_seen_when_the_next_one_begins():
    log = Log()
    log.open(VALIDATING, 2)
    log.hook = "on_validation_start"
    log.log("all", 1.0)
    batch(log, VALIDATING)
    log.log("x", 1.0)
    log.log("own", 2.0, add_dataloader_idx=False)
    assert log.callback_metrics == {}
    batch(log, VALIDATING, loader=1)
    assert numbers(log.callback_metrics) == {"x/dataloader_idx_0": 1.0, "own": 2.0}
    log.end_batches()
    assert numbers(log.callback_metrics) == {"all": 1.0, "x/dataloader_idx_0": 1.0, "own": 2.0}


def test_a_hook_that_runs_once_for_all_loaders_has_no_suffix():
    log = begun(stage=VALIDATING, loaders=2)
    log.end_batches()
    log.hook = "on_validation_epoch_end"
    log.log("x", 1.0)
    assert numbers(log.epoch_metrics()) == {"x": 1.0}


def test_a_name_without_suffix_belongs_to_one_loader():
    log = begun(stage=VALIDATING, loaders=2)
    log.log("x", 1.0, add_dataloader_idx=False)
    batch(log, VALIDATING, loader=1)
    with pytest.raises(LogError, match="loaders 0 and 1 would write to the same name"):
        log.log("x", 1.0, add_dataloader_idx=False)


def test_the_results_of_an_evaluation_are_told_by_loader():
    log = Log()
    log.open(VALIDATING, 2)
    log.hook = "on_validation_start"
    log.log("all", 1.0)
    for loader in (0, 1):
        batch(log, VALIDATING, loader=loader).log("x", 2.0 + loader, **BOTH)
    log.log("own", 9.0, add_dataloader_idx=False)
    log.log("quiet", 9.0, logger=False)
    log.close()
    first, second = log.results()
    assert numbers(first) == {"all": 1.0, "x_epoch/dataloader_idx_0": 2.0}
    assert numbers(second) == {"all": 1.0, "x_epoch/dataloader_idx_1": 3.0, "own": 9.0}


def test_an_evaluation_that_logs_nothing_has_empty_results():
    log = begun(stage=TESTING, loaders=2)
    log.close()
    assert log.results() == [{}, {}]


def test_a_validation_inside_an_epoch_leaves_the_epoch_as_it_was():
    log = begun()
    log.log("x", 1.0, **BOTH)
    for value in (5.0, 7.0):
        begun(stage=VALIDATING, log=log).log("v", value)
        log.close()
        log.hook = "training_step"
    assert numbers(log.callback_metrics) == {"x": 1.0, "x_step": 1.0, "v": 7.0}
    batch(log).log("x", 2.0, **BOTH)
    log.end_batches()
    assert numbers(log.epoch_metrics()) == {"x_epoch": 1.5}


def test_step_values_are_seen_inside_a_validation_though_nobody_looked_before():
    log = begun()
    log.log("x", 1.0)
    begun(stage=VALIDATING, log=log)
    assert numbers(log.callback_metrics) == {"x": 1.0}


def test_published_values_stay_when_the_epoch_is_closed_and_until_the_log_is_cleared():
    log = begun()
    log.log("x", 1.0, prog_bar=True)
    log.log("y", 2.0, on_step=False, on_epoch=True)
    log.close()
    begun(log=log)
    assert numbers(log.callback_metrics) == numbers(log.logged_metrics) == {"x": 1.0, "y": 2.0}
    log.clear()
    assert log.callback_metrics == log.logged_metrics == log.progress_bar_metrics == {}
    assert log.results() == []


def test_the_mapping_that_callbacks_read_is_one_and_the_same():
    log = begun()
    held = log.callback_metrics
    log.log("x", 1.0)
    assert log.callback_metrics is held
    log.clear()
    assert log.callback_metrics is held == {}


# Rows.


def test_floats_are_exact_whatever_the_dtype():
    metrics = {
        "single": torch.tensor(0.1),
        "whole": torch.tensor(2**53 + 1),
        "double": torch.tensor(0.1, dtype=torch.float64),
        "flag": torch.tensor(True),
        "other": torch.tensor(-0.7),
    }
    values = floats(metrics)
    assert values == {name: value.item() for name, value in metrics.items()}
    assert list(values) == list(metrics)
    assert floats({}) == {}


def test_floats_fetch_all_values_of_a_kind_at_once(monkeypatch):
    fetched = []
    monkeypatch.setattr(Tensor, "tolist", lambda self: fetched.append(self.shape) or [0.0] * self.numel())
    floats({str(index): torch.tensor(float(index)) for index in range(9)})
    assert fetched == [(9,)]


def test_a_row_carries_its_epoch_unless_one_is_logged():
    assert row({"x": torch.tensor(1.5)}, step=3, epoch=2) == ({"x": 1.5, "epoch": 2}, 3)
    assert row({"epoch": torch.tensor(7.0)}, step=3, epoch=2) == ({"epoch": 7.0}, 3)
    assert row({"x": torch.tensor(1.5)}, step=3) == ({"x": 1.5}, 3)


def test_a_value_logged_as_step_is_the_place_of_the_row():
    assert row({"x": torch.tensor(1.5), "step": torch.tensor(40.0)}, step=3, epoch=2) == ({"x": 1.5}, 40)


# Cost.


def python_calls(run):
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
    return calls - 1


@pytest.mark.parametrize(
    ("flags", "budget"),
    [({}, 1), ({"prog_bar": True}, 1), ({"on_epoch": True}, 2), ({"on_step": False, "on_epoch": True}, 2)],
)
def test_one_more_value_in_a_train_step_costs_few_python_calls(flags, budget):
    log = begun()
    loss = torch.nn.Linear(4, 1)(torch.ones(2, 4)).mean()

    def step():
        log.log("loss", loss, **flags)

    step()
    assert python_calls(step) <= budget


def test_a_read_of_ten_values_costs_few_python_calls_for_each():
    log = begun()
    for index in range(10):
        log.log(str(index), torch.tensor(1.0))

    def read():
        row(log.step_metrics(), 0, 0)

    assert python_calls(read) <= 40


def test_nothing_is_converted_before_somebody_reads(monkeypatch):
    def refuse(self, *args, **kwargs):
        raise AssertionError("a value was fetched")

    for name in ("item", "tolist", "__float__", "__bool__", "cpu", "numpy"):
        monkeypatch.setattr(Tensor, name, refuse)
    log = begun()
    for _ in range(3):
        batch(log).log("x", torch.ones(()), prog_bar=True, **BOTH)
    begun(stage=VALIDATING, log=log).log("v", torch.ones(()), prog_bar=True)
    log.close()
    log.end_batches()
    seen = set(chain(log.callback_metrics, log.logged_metrics))
    log.close()
    assert seen == {"x", "x_step", "x_epoch", "v"}


def test_a_batch_is_searched_for_its_size_once_and_only_for_a_mean(monkeypatch):
    searched = []
    monkeypatch.setattr("leyden.core.metrics.batch_size_of", lambda found: searched.append(found) or 2)
    log = begun()
    log.log("step", 1.0)
    assert searched == []
    log.log("a", 1.0, on_epoch=True)
    log.log("b", 1.0, on_epoch=True)
    assert len(searched) == 1
    batch(log).log("a", 1.0, on_epoch=True)
    assert len(searched) == 2
