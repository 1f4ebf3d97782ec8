from __future__ import annotations

from math import inf, nan

import pytest
import torch

from leyden.callbacks.topk import ALL, admits, best, better, leaving, worst, worst_possible

SCORES = {"old": 2.0, "good": 1.0, "twin": 1.0, "bad": 3.0, "worse": 3.0}


def test_less_is_better_in_mode_min_and_more_in_mode_max():
    assert better("min", 1, 2)
    assert better("max", 2, 1)
    assert not better("min", 2, 1)
    assert not better("max", 1, 2)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_an_equal_or_undefined_score_is_not_better(mode):
    assert not better(mode, 1, 1)
    assert not better(mode, nan, 1)
    assert better(mode, 1, worst_possible(mode))


def test_of_equals_the_oldest_is_both_the_best_and_the_first_to_leave():
    assert (best(SCORES, "min"), worst(SCORES, "min")) == ("good", "bad")
    assert (best(SCORES, "max"), worst(SCORES, "max")) == ("bad", "good")


def test_scores_may_be_tensors_of_any_kind():
    scores = {"a": torch.tensor(3), "b": torch.tensor(0.1, dtype=torch.float64), "c": torch.tensor(0.1)}
    assert best(scores, "min") == "b"  # 0.1 in single precision is a little more
    assert worst(scores, "min") == "a"


@pytest.mark.parametrize("score", [-inf, 0.0, inf, nan])
def test_every_score_enters_while_there_is_room_or_all_are_kept(score):
    assert admits({}, 1, score, "min")
    assert admits({"a": 1.0}, 2, score, "max")
    assert admits(SCORES, ALL, score, "min")


def test_only_a_score_better_than_the_worst_enters_a_full_list():
    full = {"a": 1.0, "b": 2.0}
    assert admits(full, 2, 1.9, "min")
    assert not admits(full, 2, 2.0, "min")
    assert admits(full, 2, 1.1, "max")
    assert not admits(full, 2, 1.0, "max")
    assert not admits(full, 2, nan, "min")


def test_nothing_enters_where_none_are_kept():
    assert not admits({}, 0, 1.0, "min")
    assert not admits(SCORES, 0, -inf, "min")


def test_somebody_leaves_only_a_full_list():
    assert leaving({"a": 1.0}, 2, "min") is None
    assert leaving({"a": 1.0, "b": 2.0}, 2, "min") == "b"
    assert leaving({"a": 1.0, "b": 2.0}, 2, "max") == "a"
    assert leaving(SCORES, ALL, "min") is None
    assert leaving(SCORES, 2, "min") == "bad"  # more than k: left by a run that kept more
