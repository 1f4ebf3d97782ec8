from __future__ import annotations

import dataclasses

import pytest

from leyden.core.state import State
from leyden.errors import FormatError

SOMEWHERE = State(
    epoch=2,
    batch=3,
    batches=13,
    step=7,
    stepped=6,
    step_before=4,
    log_step=5,
    unvalidated=1.5,
    asked=1,
    val_asked=2,
    skipped=4,
    skipped_in_a_row=1,
    last=True,
    stop=True,
    at="validate",
)


def test_a_batch_is_counted_in_its_epoch_and_in_the_run():
    state = State(epoch=1, batch=2, batches=7, stepped=4)
    state.count_batch(stepped=False)
    assert (state.batch, state.batches, state.stepped) == (3, 8, 4)
    state.count_batch(stepped=True)
    assert (state.batch, state.batches, state.stepped) == (4, 9, 5)


def test_the_loggers_axis_is_the_number_of_steps_before_the_current_batch():
    state = State()
    axis = []
    for last in (False, False, True):
        state.begin_batch(last)
        state.count_batch(stepped=True)
        axis.append(state.log_step)
    assert axis == [0, 1, 2]
    state.count_epoch()
    assert state.log_step == 3


def test_beginning_a_batch_says_whether_it_is_the_last():
    state = State()
    state.begin_batch(last=True)
    assert state.last
    state.begin_batch(last=False)
    assert not state.last


def test_training_begins_with_the_counters_of_the_run_before():
    state = State(epoch=2, batches=14, step=14, unvalidated=3.0, asked=1, val_asked=2, stop=True)
    state.begin_fit()
    assert state == State(epoch=2, batches=14, step=14, asked=2)


def test_a_batch_that_is_not_run_counts_in_the_run_and_ends_its_epoch():
    state = State(batch=2, batches=7, stepped=7)
    state.end_early()
    assert (state.batch, state.batches, state.last, state.log_step) == (2, 8, True, 6)


def test_counting_an_epoch_begins_the_next_one():
    state = State(epoch=1, batch=5, batches=10, at="epoch_end")
    state.count_epoch()
    assert (state.epoch, state.batch, state.batches, state.at) == (2, 0, 10, "epoch_start")


def test_a_state_comes_back_from_its_saved_form():
    assert State.from_state_dict(SOMEWHERE.state_dict()) == SOMEWHERE
    assert State.from_state_dict(State().state_dict()) == State()


def test_every_field_is_saved():
    defaults = State().state_dict()
    assert all(value != defaults[name] for name, value in SOMEWHERE.state_dict().items())
    assert SOMEWHERE.state_dict().keys() == {field.name for field in dataclasses.fields(State)}


def test_taking_over_another_state_keeps_the_object_that_everybody_holds():
    own = State()
    own.become(SOMEWHERE)
    assert own == SOMEWHERE
    own.count_epoch()
    assert SOMEWHERE.epoch == 2


@pytest.mark.parametrize("name", State().state_dict())
def test_a_saved_state_without_a_field_is_refused_by_name(name):
    saved = SOMEWHERE.state_dict()
    del saved[name]
    with pytest.raises(FormatError, match=rf"missing or unknown fields: {name}$"):
        State.from_state_dict(saved)


def test_a_saved_state_with_a_field_of_somebody_else_is_refused_by_name():
    with pytest.raises(FormatError, match="unknown fields: loss"):
        State.from_state_dict(SOMEWHERE.state_dict() | {"loss": 1.0})


def test_a_saved_state_with_a_field_that_is_no_text_is_refused():
    with pytest.raises(FormatError, match="unknown fields: 7"):
        State.from_state_dict(SOMEWHERE.state_dict() | {7: 1.0})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epoch", -1),
        ("epoch", 1.0),
        ("epoch", "1"),
        ("epoch", None),
        ("epoch", True),
        ("batch", -3),
        ("batch", 10**30),
        ("step", 2.5),
        ("stop", 0),
        ("stop", "yes"),
        ("last", None),
        ("at", 3),
        ("at", ["batch"]),
    ],
)
def test_a_saved_field_of_another_type_or_below_zero_is_refused_by_name_and_value(name, value):
    with pytest.raises(FormatError) as caught:
        State.from_state_dict(SOMEWHERE.state_dict() | {name: value})
    assert f"{name}={value!r}" in str(caught.value)


def test_a_saved_point_of_the_epoch_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(
        FormatError, match="at='lunch'; known are epoch_start, batch, batch_end, validate, validated, epoch_end"
    ):
        State.from_state_dict(SOMEWHERE.state_dict() | {"at": "lunch"})


@pytest.mark.parametrize("saved", [None, [], "state", 3])
def test_a_saved_state_that_is_no_dictionary_is_refused(saved):
    with pytest.raises(FormatError, match="position of the run"):
        State.from_state_dict(saved)
