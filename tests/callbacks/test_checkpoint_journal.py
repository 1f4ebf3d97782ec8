from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.callbacks.scripted import Scripted, files, train
from tests.callbacks.test_model_checkpoint_resume import SCORES, saver

from leyden.callbacks.checkpoint_files import CheckpointFiles
from leyden.callbacks.checkpoint_journal import Journal, descendants, digest_of, read_journal, saves_so_far
from leyden.callbacks.saved_state import SavedState
from leyden.checkpoint.load import load
from leyden.errors import FormatError


def journal_in(path: Path) -> Journal:
    (state,) = load(path)["callbacks"].values()
    return read_journal(SavedState("it", state).part("leyden"))


def test_both_files_of_a_save_name_it_and_the_complete_one_before(tmp_path):
    train(tmp_path, Scripted([3, 2, 1]), saver(tmp_path, save_top_k=-1), size=2, max_epochs=3)
    first, second, third, last = (
        journal_in(tmp_path / name)
        for name in ("epoch=0-step=2.ckpt", "epoch=1-step=4.ckpt", "epoch=2-step=6.ckpt", "last.ckpt")
    )
    assert [first.count, second.count, third.count, last.count] == [1, 2, 3, 3]
    assert (first.after, second.after, third.after) == ("", first.save, second.save)
    assert (last.save, last.after) == (third.save, third.after)
    assert (third.file, last.file) == ("epoch=2-step=6.ckpt", "last.ckpt")


def test_a_checkpoint_names_what_it_replaces(tmp_path):
    train(tmp_path, Scripted([3, 2]), saver(tmp_path, save_top_k=1), size=2, max_epochs=2)
    assert journal_in(tmp_path / "epoch=1-step=4.ckpt").leaving == ("epoch=0-step=2.ckpt",)
    assert journal_in(tmp_path / "last.ckpt").leaving == ()


def test_two_equal_runs_can_be_told_apart(tmp_path):
    for name in ("a", "b"):
        train(tmp_path / name, Scripted([3, 2]), saver(tmp_path / name), size=2, max_epochs=2)
    first, second = (journal_in(tmp_path / name / "last.ckpt") for name in ("a", "b"))
    assert {first.first, first.save, first.after}.isdisjoint({second.first, second.save, second.after})


def test_a_last_checkpoint_is_known_to_a_run_that_goes_on_from_the_one_saved_with_it(tmp_path):
    train(tmp_path, Scripted([3, 2]), saver(tmp_path), size=2, max_epochs=2)
    best = str(tmp_path / "epoch=1-step=4.ckpt")
    train(tmp_path, Scripted([3, 2, 1]), saver(tmp_path), size=2, max_epochs=3, ckpt_path=best)
    assert files(tmp_path) == ["epoch=1-step=4.ckpt", "epoch=2-step=6.ckpt", "last.ckpt"]


def test_what_a_run_that_died_had_replaced_is_deleted_by_the_next(tmp_path, monkeypatch):
    settings = {"save_top_k": 1, "save_last": None}
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFiles, "remove", lambda *_: None)  # as if it had not come to that
        train(tmp_path, Scripted([3, 2]), saver(tmp_path / "ckpts", **settings), size=2, max_epochs=2)
    newest = tmp_path / "ckpts" / "epoch=1-step=4.ckpt"
    assert files(tmp_path / "ckpts") == ["epoch=0-step=2.ckpt", newest.name]
    train(
        tmp_path, Scripted([3, 2]), saver(tmp_path / "ckpts", **settings), size=2, max_epochs=3, ckpt_path=str(newest)
    )
    assert files(tmp_path / "ckpts") == [newest.name]


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
def test_a_file_that_somebody_has_put_in_the_place_of_ones_own_is_left_alone(tmp_path):
    ckpts = tmp_path / "ckpts"
    train(tmp_path, Scripted(SCORES), saver(ckpts, save_top_k=1), size=2, max_epochs=1)
    shutil.copy(ckpts / "last.ckpt", tmp_path / "last.ckpt")
    train(tmp_path, Scripted([5]), saver(tmp_path / "other", save_top_k=1), size=2, max_epochs=1)
    shutil.copy(tmp_path / "other" / "last.ckpt", ckpts / "epoch=0-step=2.ckpt")
    shutil.copy(tmp_path / "other" / "last.ckpt", ckpts / "last.ckpt")
    theirs = (ckpts / "last.ckpt").read_bytes()
    train(
        tmp_path, Scripted(SCORES), saver(ckpts, save_top_k=1), size=2, max_epochs=2, ckpt_path=tmp_path / "last.ckpt"
    )
    assert files(ckpts) == ["epoch=0-step=2.ckpt", "epoch=1-step=4.ckpt", "last-v1.ckpt", "last.ckpt"]
    assert [(ckpts / name).read_bytes() == theirs for name in ("epoch=0-step=2.ckpt", "last.ckpt")] == [True, True]


def test_the_newest_last_checkpoint_is_that_of_most_saves_whatever_the_clock_says(tmp_path):
    names = {"CHECKPOINT_NAME_LAST": "last-{epoch}"}
    make = lambda: type("Named", (type(saver(tmp_path)),), names)(dirpath=tmp_path, save_last=True)  # noqa: E731
    train(tmp_path, Scripted(), make(), size=2, max_epochs=1)
    shutil.copy(tmp_path / "last-epoch=0.ckpt", tmp_path / "kept")
    train(tmp_path, Scripted(), make(), size=2, max_epochs=2, ckpt_path=str(tmp_path / "kept"))
    shutil.copy(tmp_path / "kept", tmp_path / "last-epoch=0.ckpt")
    os.utime(tmp_path / "last-epoch=1.ckpt", (0, 0))
    trainer = train(tmp_path, Scripted(), make(), size=2, max_epochs=3, ckpt_path="last")
    assert Path(trainer.ckpt_path).name == "last-epoch=1.ckpt"


@pytest.mark.parametrize("content", [b"", b"x" * 200, b"\xff" * 200])
def test_files_that_are_no_checkpoints_have_no_journal(tmp_path, content):
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    assert saves_so_far(path) == 0
    assert digest_of(path) is None
    assert descendants(tmp_path, [path, tmp_path, tmp_path / "missing"], "key", Journal(after="a")) == []


def test_a_copy_under_another_name_is_not_what_the_run_wrote(tmp_path):
    train(tmp_path, Scripted([3, 2]), checkpoint := saver(tmp_path, save_top_k=-1), size=2, max_epochs=2)
    shutil.copy(tmp_path / "epoch=1-step=4.ckpt", tmp_path / "copy.ckpt")
    before = journal_in(tmp_path / "epoch=0-step=2.ckpt").resumed()
    found = descendants(tmp_path, sorted(tmp_path.glob("*.ckpt")), checkpoint.state_key, before)
    assert [one.name for one in found] == ["epoch=1-step=4.ckpt", "last.ckpt"]


@pytest.mark.parametrize("change", [{"file": 1}, {"count": -1}, {"leaving": "x"}, {"leaving": [1]}, {"save": []}])
def test_a_journal_that_is_malformed_is_refused(change):
    with pytest.raises(FormatError):
        read_journal(SavedState("it", change))
