from __future__ import annotations

import json

import pytest

from leyden.core.stage import RunningStage, TrainerFn, TrainerStatus


def test_a_stage_is_the_text_that_programs_compare_it_with():
    assert TrainerFn.FITTING == "fit"
    assert f"{RunningStage.SANITY_CHECKING} {TrainerStatus.RUNNING}" == "sanity_check running"
    assert {"fit": 1}[TrainerFn.FITTING] == 1
    assert json.dumps([TrainerFn.TESTING]) == '["test"]'


@pytest.mark.parametrize(
    ("stage", "evaluating", "prefix"),
    [
        (RunningStage.TRAINING, False, "train"),
        (RunningStage.SANITY_CHECKING, True, "val"),
        (RunningStage.VALIDATING, True, "val"),
        (RunningStage.TESTING, True, "test"),
        (RunningStage.PREDICTING, False, "predict"),
    ],
)
def test_a_stage_says_whether_it_evaluates_and_which_loaders_it_runs(stage, evaluating, prefix):
    assert (stage.evaluating, stage.dataloader_prefix) == (evaluating, prefix)


def test_a_run_has_stopped_when_it_is_finished_or_interrupted():
    assert [status for status in TrainerStatus if status.stopped] == ["finished", "interrupted"]
