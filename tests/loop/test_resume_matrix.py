"""A sample of the resume matrix, in which every two of its dimensions meet in all their values."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from tests.loop.resume_matrix import (
    DIMENSIONS,
    IMPOSSIBLE,
    Case,
    check_chain,
    check_resumed,
    covering,
    fit_and_save,
)

SAMPLE = covering(DIMENSIONS, strength=2, seed=5)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SAMPLE)))
def test_a_run_resumed_from_any_save_goes_on_as_if_it_had_not_been_stopped(number: int, tmp_path: Path) -> None:
    case = SAMPLE[number]
    alone = case["workers"] == "0"
    whole, saves = fit_and_save(case, tmp_path, seed=number, every=20 if alone else 40)
    for saved in saves if alone else saves[:1]:
        check_resumed(case, whole, saved, tmp_path, seed=number + 1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [number for number, case in enumerate(SAMPLE) if case["workers"] == "0"][:4])
def test_a_run_can_be_stopped_and_resumed_again_and_again(number: int, tmp_path: Path) -> None:
    whole, saves = fit_and_save(SAMPLE[number], tmp_path, seed=number, every=12)
    assert check_chain(SAMPLE[number], whole, saves[0], tmp_path, seed=number + 1, part=0.1) == 2


def test_in_the_sample_every_two_dimensions_meet_in_all_their_values() -> None:
    def met(case: Case, pair: tuple[tuple[str, str], ...]) -> bool:
        return all(case[name] == value for name, value in pair)

    for first, second in itertools.combinations(DIMENSIONS, 2):
        for values in itertools.product(DIMENSIONS[first], DIMENSIONS[second]):
            pair = tuple(zip((first, second), values, strict=True))
            assert any(met(case, pair) for case in SAMPLE) or set(pair) in IMPOSSIBLE, pair
