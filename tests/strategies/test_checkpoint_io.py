from __future__ import annotations

import pytest

import leyden as L
from leyden.errors import SettingsError
from leyden.strategies.checkpoint_io import AsyncCheckpointIO, without_checkpoint_io
from leyden.strategies.precision import HalfPrecision

QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}


def test_the_plugin_asks_for_checkpoints_in_the_background():
    for plugins in (AsyncCheckpointIO(), [AsyncCheckpointIO()]):
        assert L.Trainer(accelerator="cpu", plugins=plugins, **QUIET).checkpoint_writer.most == 2
    assert L.Trainer(accelerator="cpu", **QUIET).checkpoint_writer.most == 0


def test_a_number_counts_beside_the_plugin():
    trainer = L.Trainer(accelerator="cpu", plugins=AsyncCheckpointIO(), async_checkpointing=1, **QUIET)
    assert trainer.checkpoint_writer.most == 1


def test_other_plugins_are_left_to_others():
    precision = HalfPrecision("bf16-true")
    assert without_checkpoint_io([precision, AsyncCheckpointIO()]) == ([precision], True)
    assert without_checkpoint_io(precision) == (precision, False)
    assert without_checkpoint_io(None) == (None, False)
    assert without_checkpoint_io("text") == ("text", False)


def test_a_way_of_writing_of_the_programs_own_is_refused():
    with pytest.raises(SettingsError, match="object"):
        AsyncCheckpointIO(object())
