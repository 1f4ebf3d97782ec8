"""A checkpoint of the moment at which an exception ends a run."""

from __future__ import annotations

import pytest
from tests.tiny import Tiny, batches

from leyden.callbacks import ModelCheckpoint, OnExceptionCheckpoint
from leyden.checkpoint.load import load
from leyden.errors import DigestError, PathError, SettingsError
from leyden.trainer import Trainer

QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


class Breaks(Tiny):
    """Raises in its second batch, or where else it is told to."""

    def __init__(self, exception=None, where="training_step"):
        super().__init__()
        self.exception, self.where = exception, where

    def training_step(self, batch, batch_idx):
        if self.exception is not None and self.where == "training_step" and batch_idx == 1:
            raise self.exception
        return super().training_step(batch, batch_idx)

    def setup(self, stage):
        if self.where == "setup":
            raise self.exception

    def test_step(self, batch, batch_idx):
        raise self.exception


def trainer(*callbacks, **arguments):
    return Trainer(callbacks=list(callbacks), **(QUIET | {"max_epochs": 1, "limit_val_batches": 0} | arguments))


@pytest.mark.parametrize(("exception", "seen"), [(ValueError("x"), ValueError), (KeyboardInterrupt(), SystemExit)])
def test_what_ends_a_fit_leaves_a_checkpoint_to_go_on_from(tmp_path, exception, seen):
    with pytest.raises(seen):
        trainer(OnExceptionCheckpoint(tmp_path / "new")).fit(Breaks(exception), batches(3))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["on_exception.ckpt"]
    resumed = trainer(enable_checkpointing=False)
    resumed.fit(Breaks(), batches(3), ckpt_path=tmp_path / "new" / "on_exception.ckpt")
    assert resumed.global_step == 3


def test_it_replaces_what_an_earlier_run_left(tmp_path):
    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            trainer(OnExceptionCheckpoint(tmp_path, "mine")).fit(Breaks(ValueError("x")), batches(3))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.ckpt"]
    assert load(tmp_path / "mine.ckpt")["global_step"] == 1


def test_it_saves_before_training_began_too(tmp_path):
    with pytest.raises(ValueError, match="x"):
        trainer(OnExceptionCheckpoint(tmp_path)).fit(Breaks(ValueError("x"), "setup"), batches(3))
    assert load(tmp_path / "on_exception.ckpt")["global_step"] == 0


def test_it_saves_in_a_short_run_and_in_a_test(tmp_path):
    with pytest.raises(ValueError, match="x"):
        trainer(OnExceptionCheckpoint(tmp_path), fast_dev_run=2).fit(Breaks(ValueError("x")), batches(3), batches(1))
    with pytest.raises(ValueError, match="x"):
        trainer(OnExceptionCheckpoint(tmp_path / "test")).test(Breaks(ValueError("x")), batches(1))
    assert (tmp_path / "on_exception.ckpt").is_file()
    assert (tmp_path / "test" / "on_exception.ckpt").is_file()


def test_a_run_that_ends_well_leaves_nothing(tmp_path):
    trainer(OnExceptionCheckpoint(tmp_path)).fit(Tiny(), batches(2))
    assert list(tmp_path.iterdir()) == []


def test_it_stands_for_a_checkpoint_callback(tmp_path):
    assert not any(isinstance(callback, ModelCheckpoint) for callback in trainer(OnExceptionCheckpoint(".")).callbacks)
    with pytest.raises(SettingsError, match="enable_checkpointing=False"):
        trainer(OnExceptionCheckpoint("."), enable_checkpointing=False)


def test_it_does_not_follow_a_failed_save_with_another(tmp_path):
    with pytest.raises(DigestError):
        trainer(OnExceptionCheckpoint(tmp_path)).fit(Breaks(DigestError("bad file")), batches(3))
    assert list(tmp_path.iterdir()) == []


def test_its_path_is_beneath_its_directory(tmp_path):
    assert OnExceptionCheckpoint(tmp_path, "a/b").ckpt_path == str(tmp_path / "a" / "b.ckpt")
    for dirpath, filename in ((tmp_path, "../b"), (tmp_path, "/b"), (tmp_path, ""), (None, "b")):
        with pytest.raises(SettingsError):
            OnExceptionCheckpoint(dirpath, filename)


def test_it_does_not_write_through_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PathError, match="is a link"):
        trainer(OnExceptionCheckpoint(tmp_path / "in", "a/b")).fit(Breaks(ValueError("x")), batches(3))
    assert list((tmp_path / "elsewhere").iterdir()) == []
