"""What a step may cost, as counts: the budgets of the design, and how far below them the code is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from benchmarks import counting, step_cost
from benchmarks.programs import CASES, NO_LOGGING, ONE_LOG, TEN_LOGS, Batches, Case, Framework, leyden, run_case

SOURCE = Path(__file__).resolve().parents[1] / "src"
CASE = {case.name: case for case in CASES}


@cache
def framework() -> Framework:
    return leyden()


@cache
def calls(case: Case) -> float:
    return counting.calls_per_step(framework(), case)


def test_few_frames_stand_between_fit_and_training_step():
    frames = counting.frames_above_step(framework(), "leyden")
    assert frames[0] == "leyden.trainer.fit"
    assert frames[-1].startswith("leyden.loop.fit.")
    assert len(frames) <= 8


def test_a_step_makes_few_calls_beyond_those_of_a_loop_written_by_hand():
    assert calls(NO_LOGGING) - counting.calls_of_plain_loop() <= 60


def test_one_self_log_makes_few_calls():
    assert calls(ONE_LOG) - calls(NO_LOGGING) <= 12
    assert (calls(TEN_LOGS) - calls(ONE_LOG)) / 9 <= 12


def test_callbacks_that_override_nothing_cost_nothing():
    # Not a call in a batch. What the collector of garbage runs meanwhile may differ by a few in a hundred batches.
    assert calls(CASE["ten idle callbacks"]) == pytest.approx(calls(NO_LOGGING), abs=0.5)


def test_a_progress_bar_makes_few_calls_in_a_batch_that_is_not_drawn(capsys):
    assert calls(CASE["one self.log, progress bar"]) - calls(ONE_LOG) <= 6


def test_a_logger_costs_nothing_in_steps_that_are_not_logged(tmp_path):
    every_50 = calls(CASE["one self.log, CSV every 50"]) - calls(ONE_LOG)
    every_step = calls(CASE["one self.log, CSV every step"]) - calls(ONE_LOG)
    assert every_50 <= 2  # two rows in a hundred steps, and the file that they are written to
    assert every_step <= 40


def test_importing_what_a_program_needs_costs_little_beside_torch():
    code = """
import time
start = time.process_time()
import torch
between = time.process_time()
from leyden import Callback, DataModule, Module, Trainer
print((time.process_time() - between) / (between - start))
"""
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True, env=environment) for _ in range(3)]
    assert min(float(run.stdout) for run in runs) < 0.3  # whatever else the machine does only adds to it


# The counters themselves, on a loop whose calls are known.


def test_counting_sees_every_python_call_of_the_steps_and_nothing_else():
    def one_call() -> None:
        pass

    def run(batches):
        one_call()
        for _ in batches:
            one_call()
            one_call()

    counted = counting._counted(run)
    assert counted[one_call.__code__] == 2 * counting.COUNTED


def test_counting_leaves_a_profiler_of_others_in_place():
    def other(*_: object) -> None:
        pass

    before = sys.getprofile()
    sys.setprofile(other)
    try:
        counting.calls_of_plain_loop()
        assert sys.getprofile() is other
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_of_the_benchmark_trains(case, tmp_path, capsys):
    module = run_case(framework(), case, str(tmp_path), Batches(3, {}))
    assert module.trainer.global_step == 3


def test_the_benchmark_reports_every_framework_that_it_ran(tmp_path, capsys):
    file = tmp_path / "figures.json"
    step_cost.main(["--only", "leyden", "--steps", "100", "--rounds", "2", "--case", "no logging", "--json", str(file)])
    header, _, row = capsys.readouterr().out.splitlines()[:3]
    assert [cell.strip() for cell in header.split("|")][2:5] == ["plain", "leyden", "leyden / plain"]
    assert row.startswith("| no logging |")
    figures = json.loads(file.read_text())
    assert {name: len(rounds) for name, rounds in figures["microseconds"]["no logging"].items()} == {
        "plain": 4,
        "leyden": 4,
    }
