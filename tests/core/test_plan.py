from __future__ import annotations

import dataclasses
from math import inf

import pytest

from leyden.core.plan import Plan
from leyden.core.state import State


def test_without_limits_nothing_finishes_a_run():
    assert not Plan().finished(State(epoch=10**9, batches=10**9, step=10**9))


@pytest.mark.parametrize(
    ("plan", "before", "at"),
    [
        (Plan(max_epochs=3), State(epoch=2), State(epoch=3)),
        (Plan(max_steps=5), State(step=4), State(step=5)),
    ],
    ids=["epochs", "steps"],
)
def test_each_limit_finishes_a_run_when_it_is_reached(plan, before, at):
    assert not plan.finished(before)
    assert plan.finished(at)


def test_the_first_limit_that_is_reached_finishes_a_run():
    plan = Plan(max_epochs=3, max_steps=100)
    assert plan.finished(State(epoch=1, step=100))
    assert plan.finished(State(epoch=3, step=7))


@pytest.mark.parametrize("plan", [Plan(max_epochs=0), Plan(max_steps=0)])
def test_a_limit_of_zero_is_reached_before_the_first_batch(plan):
    assert plan.finished(State())


def test_a_wish_to_stop_finishes_a_run_at_once():
    assert Plan().finished(State(stop=True))


def test_a_wish_to_stop_waits_for_the_least_epochs_and_the_least_steps():
    plan = Plan(min_epochs=2, min_steps=10)
    assert not plan.finished(State(stop=True, epoch=1, step=10))
    assert not plan.finished(State(stop=True, epoch=2, step=9))
    assert plan.finished(State(stop=True, epoch=2, step=10))
    assert not plan.finished(State(stop=False, epoch=2, step=10))


def test_the_least_numbers_hold_nothing_but_a_wish_to_stop():
    assert Plan(max_steps=4, min_epochs=2).finished(State(step=4, epoch=0))


def test_without_accumulation_every_batch_opens_and_closes_a_window():
    assert all(Plan().opens_window(index) and Plan().closes_window(index, last=False) for index in range(4))


def test_a_window_has_as_many_batches_as_are_accumulated():
    plan = Plan(accumulate=3)
    assert [plan.opens_window(index) for index in range(6)] == [True, False, False, True, False, False]
    assert [plan.closes_window(index, last=False) for index in range(6)] == [False, False, True, False, False, True]


def test_a_window_closes_on_the_last_batch():
    assert Plan(accumulate=4).closes_window(index=1, last=True)


def test_validation_comes_after_the_last_batch_of_each_epoch():
    assert Plan().validates(State(epoch=4, batch=7, last=True))
    assert not Plan().validates(State(epoch=4, batch=6, last=False))


def test_validation_comes_after_every_so_many_batches_of_an_epoch():
    due = [batch for batch in range(1, 8) if Plan(val_every=3).validates(State(batch=batch, last=batch == 7))]
    assert due == [3, 6]  # and not after the seventh and last


def test_an_interval_counts_the_batches_of_its_epoch_alone():
    assert Plan(val_every=3).validates(State(epoch=1, batch=3, batches=10))
    assert not Plan(val_every=3).validates(State(epoch=1, batch=2, batches=9))


def test_an_interval_across_epochs_counts_the_batches_of_the_run():
    plan = Plan(val_every=3, val_epochs=None)
    assert plan.validates(State(epoch=1, batch=2, batches=9))
    assert not plan.validates(State(epoch=1, batch=3, batches=10, last=True))


def test_without_an_interval_to_count_validation_comes_after_the_last_batch_of_each_epoch():
    assert Plan(val_epochs=None).validates(State(batch=2, batches=5, last=True))
    assert not Plan(val_epochs=None).validates(State(batch=2, batches=6))


@pytest.mark.parametrize("val_epochs", [1, None])
def test_validation_comes_after_so_much_time_of_training(val_epochs):
    plan = Plan(val_seconds=60, val_epochs=val_epochs)
    assert plan.validates(State(batch=3, unvalidated=60.0))
    assert not plan.validates(State(batch=7, unvalidated=59.9, last=True))
    assert plan.validates(State(batch=3, stop=True))


def test_validation_by_time_waits_for_an_epoch_that_may_validate():
    assert not Plan(val_seconds=60, val_epochs=2).validates(State(epoch=0, unvalidated=100.0))
    assert Plan(val_seconds=60, val_epochs=2).validates(State(epoch=1, unvalidated=100.0))


@pytest.mark.parametrize("val_every", [inf, 2])
def test_validation_falls_into_every_nth_epoch(val_every):
    plan = Plan(val_every=val_every, val_epochs=3)
    epochs = [epoch for epoch in range(7) if plan.validates(State(epoch=epoch, batch=2, last=True))]
    assert epochs == [2, 5] == [epoch for epoch in range(7) if plan.validates_in(epoch)]


def test_every_epoch_may_validate_where_batches_are_counted_across_epochs():
    assert all(Plan(val_every=5, val_epochs=None).validates_in(epoch) for epoch in range(5))


def test_a_run_that_may_stop_ends_with_a_validation():
    assert Plan().validates(State(batch=2, stop=True))
    assert Plan(val_every=5, val_epochs=None).validates(State(batches=2, stop=True))
    assert not Plan(min_epochs=1).validates(State(batch=2, stop=True))


def test_a_run_that_may_stop_does_not_validate_in_an_epoch_without_validation():
    assert not Plan(val_epochs=2).validates(State(epoch=0, batch=2, last=True, stop=True))


@pytest.mark.parametrize("val_epochs", [1, None])
def test_a_run_without_validation_never_validates(val_epochs):
    plan = Plan(val_every=0, val_epochs=val_epochs)
    assert not plan.validates(State(batch=3, batches=3, last=True, stop=True))


def test_rows_are_written_for_every_so_many_batches_that_stepped():
    logged = [batch for batch in range(7) if Plan(log_every=3).logs(State(log_step=batch))]
    assert logged == [2, 5]


def test_no_rows_are_written_where_the_interval_is_zero():
    assert not any(Plan(log_every=0).logs(State(log_step=step)) for step in range(100))


def test_a_plan_cannot_be_changed_while_it_runs():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Plan().max_epochs = 3
