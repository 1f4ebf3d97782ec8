"""Disks that are full or cannot be written to, and writers that share a directory."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.callbacks.scripted import Scripted, files, train
from tests.callbacks.test_model_checkpoint_resume import SCORES, saver

from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.errors import WriteError
from leyden.security import paths

ROOT = Path(__file__).parents[2]
FULL = """
import resource, signal, sys, torch
from leyden.checkpoint.save import save
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    save({"x": torch.zeros(2**16)}, sys.argv[1])
except OSError as error:
    sys.exit(error.errno)
"""


def test_a_disk_that_fills_while_a_file_is_written_costs_neither_that_nor_the_one_before(tmp_path):
    path = tmp_path / "x.ckpt"
    save({"x": 1}, path)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], env=environment, check=False)
    assert done.returncode == errno.EFBIG
    assert load(path) == {"x": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["x.ckpt"]


@pytest.mark.parametrize("name", ["open", "fsync", "replace", "link"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
def test_whatever_the_disk_refuses_a_run_keeps_what_it_had(tmp_path, monkeypatch, name, code):
    checkpoint = saver(tmp_path / "ckpts", save_top_k=1)
    call, allowed = getattr(os, name), 2

    def refuses(*args, **how):
        nonlocal allowed
        if name != "open" or args[1] & os.O_EXCL:
            allowed -= 1
            if allowed < 0:
                raise OSError(code, os.strerror(code))
        return call(*args, **how)

    class Refuses(Scripted):
        def on_train_epoch_start(self):
            if self.current_epoch == 2:
                monkeypatch.setattr(os, name, refuses)

    told = rf"ckpt could not be written: {os.strerror(code)}. A file that was there before is whole. \w+"
    with pytest.raises(WriteError, match=told) as caught:
        train(tmp_path, Refuses([5, 4, 3, 2, 1]), checkpoint, size=2, max_epochs=5)
    monkeypatch.undo()
    assert caught.value.errno == code
    names = files(tmp_path / "ckpts")
    assert "last.ckpt" in names
    assert not [left for left in names if left.endswith("-tmp")]
    for left in names:
        load(tmp_path / "ckpts" / left)
    assert Path(checkpoint.best_model_path).exists()
    resumed = saver(tmp_path / "ckpts", save_top_k=1)
    train(tmp_path, Scripted([5, 4, 3, 2, 1]), resumed, size=2, max_epochs=5, ckpt_path="last")
    assert files(tmp_path / "ckpts") == ["epoch=4-step=10.ckpt", "last.ckpt"]


@pytest.mark.parametrize("in_flight", [0, 2])
def test_a_run_goes_on_where_its_directory_was_deleted_between_two_saves(tmp_path, in_flight):
    class Deletes(Scripted):
        def on_train_epoch_start(self):
            if self.current_epoch == 2:
                self.trainer.checkpoint_writer.finish()
                shutil.rmtree(tmp_path / "ckpts")

    checkpoint = saver(tmp_path / "ckpts", save_top_k=1)
    how = {"size": 2, "max_epochs": 4, "async_checkpointing": in_flight}
    train(tmp_path, Deletes([5, 4, 3, 2]), checkpoint, **how)
    assert files(tmp_path / "ckpts") == ["epoch=3-step=8.ckpt", "last.ckpt"]
    assert load(checkpoint.best_model_path)["global_step"] == 8


@pytest.mark.parametrize("name", ["epoch=1-step=4.ckpt", "last.ckpt", "epoch=2-step=6.ckpt"])
@pytest.mark.parametrize("save_last", [True, "link"])
def test_a_directory_in_the_place_of_a_checkpoint_is_left_with_all_that_is_in_it(tmp_path, name, save_last):
    class Replaces(Scripted):
        def on_train_epoch_start(self):
            if self.current_epoch == 2:
                place = tmp_path / "ckpts" / name
                place.unlink(missing_ok=True)
                place.mkdir()
                (place / "notes.txt").write_text("precious")

    checkpoint = saver(tmp_path / "ckpts", save_top_k=1, save_last=save_last)
    train(tmp_path, Replaces([5, 4, 3, 2]), checkpoint, size=2, max_epochs=4)
    assert (tmp_path / "ckpts" / name / "notes.txt").read_text() == "precious"
    for path in (checkpoint.best_model_path, checkpoint.last_model_path):
        assert load(path)["global_step"] == 8


def test_a_run_goes_on_under_a_clock_that_runs_backwards(tmp_path, monkeypatch):
    replace = os.replace
    moment = iter(range(10**9, 0, -1000))

    def backwards(source, target, **how):
        replace(source, target, **how)
        now = next(moment)
        os.utime(target, (now, now), dir_fd=how.get("dst_dir_fd"))

    monkeypatch.setattr(paths.os, "replace", backwards)
    settings = {"save_top_k": 1, "monitor": None}
    for epochs in (2, 4, 6):
        where = "last" if epochs > 2 else None
        train(tmp_path, Scripted(), saver(tmp_path, **settings), size=2, max_epochs=epochs, ckpt_path=where)
        assert load(tmp_path / "last.ckpt")["epoch"] == epochs - 1
    assert files(tmp_path) == ["epoch=5-step=12.ckpt", "last.ckpt"]


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
def test_two_runs_that_take_turns_in_one_directory_leave_each_others_files_alone(tmp_path):
    first, second = saver(tmp_path / "ckpts", save_top_k=1), saver(tmp_path / "ckpts", save_top_k=1)

    class Between(Scripted):
        def on_train_epoch_start(self):
            if self.current_epoch == 2:
                torch.manual_seed(1)
                train(tmp_path, Scripted([9, 8]), second, size=2, max_epochs=2)

    train(tmp_path, Between(SCORES), first, size=2, max_epochs=4)
    assert len({first.best_model_path, first.last_model_path, second.best_model_path, second.last_model_path}) == 4
    for path, score in ((first.best_model_path, 1), (second.best_model_path, 8)):
        (state,) = load(path)["callbacks"].values()
        assert state["best_model_score"] == score
    assert len(files(tmp_path / "ckpts")) == 4
