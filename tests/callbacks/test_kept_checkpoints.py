from __future__ import annotations

import logging
import os
import shutil
from math import inf, nan
from pathlib import Path

import pytest
import torch
import yaml
from tests.callbacks.scripted import Scripted, files, kept, saver, train

from leyden.callbacks import Callback, Checkpoint
from leyden.callbacks.model_checkpoint import ModelCheckpoint
from leyden.checkpoint.load import load
from leyden.core.warnings import LeydenWarning
from leyden.errors import PathError

SCORES = [3, 1, 2, 1, 0.5, 9]


# Which are kept.


def test_without_a_monitor_the_latest_is_kept(tmp_path):
    checkpoint = saver(tmp_path)
    train(tmp_path, Scripted(), checkpoint)
    assert files(tmp_path / "ckpts") == ["epoch=2-step=12.ckpt"]
    assert checkpoint.best_model_path == str(tmp_path / "ckpts" / "epoch=2-step=12.ckpt")
    assert (checkpoint.best_model_score, checkpoint.current_score, checkpoint.best_k_models) == (None, None, {})


@pytest.mark.parametrize(
    ("settings", "left", "best"),
    [
        ({}, ["epoch=4-step=10"], 0.5),
        ({"save_top_k": 2}, ["epoch=3-step=8", "epoch=4-step=10"], 0.5),
        ({"save_top_k": 2, "mode": "max"}, ["epoch=0-step=2", "epoch=5-step=12"], 9),
        ({"save_top_k": 0}, [], None),
        ({"save_top_k": 2, "filename": "{val:.1f}"}, ["val=0.5", "val=1.0-v1"], 0.5),
        ({"save_top_k": 3, "filename": "x"}, ["x-v1", "x-v2", "x"], 0.5),
        ({"save_top_k": 2, "filename": "x", "enable_version_counter": False}, ["x"], 9),
        ({"filename": "x"}, ["x"], 0.5),
    ],
)
def test_the_best_are_kept(tmp_path, settings, left, best):
    checkpoint, names = kept(tmp_path, *SCORES, **settings)
    assert names == [f"{name}.ckpt" for name in left]
    assert checkpoint.best_model_score == best


def test_the_attributes_tell_the_ranking(tmp_path):
    checkpoint, _ = kept(tmp_path, *SCORES, save_top_k=2)
    paths = {epoch: str(tmp_path / "ckpts" / f"epoch={epoch}-step={2 * epoch + 2}.ckpt") for epoch in (3, 4)}
    assert checkpoint.best_k_models == {paths[3]: 1, paths[4]: 0.5}
    assert (checkpoint.kth_best_model_path, checkpoint.kth_value) == (paths[3], 1)
    assert (checkpoint.best_model_path, checkpoint.best_model_score) == (paths[4], 0.5)
    assert checkpoint.current_score == 0.5  # the last score, 9, was not among the best
    assert checkpoint.dirpath == str(tmp_path / "ckpts")


def test_all_are_kept_and_ranked(tmp_path):
    checkpoint, names = kept(tmp_path, 3, 1, 2, save_top_k=-1)
    assert len(names) == 3
    assert (checkpoint.best_model_score, checkpoint.kth_value) == (1, 3)


def test_of_equal_scores_the_first_stays(tmp_path):
    checkpoint, names = kept(tmp_path, 1, 1, 1, save_top_k=2)
    assert names == ["epoch=0-step=2.ckpt", "epoch=1-step=4.ckpt"]
    assert checkpoint.best_model_path.endswith("epoch=0-step=2.ckpt")


@pytest.mark.parametrize(
    ("scores", "mode", "left"),
    [
        ([nan, 2, nan, 1], "min", [1, 3]),
        ([nan, 2, nan, 1], "max", [1, 3]),
        ([nan, nan, nan], "min", [0, 1]),
        ([inf, inf, -inf], "min", [1, 2]),
    ],
)
def test_nan_is_kept_only_until_something_better_comes(tmp_path, scores, mode, left):
    checkpoint, names = kept(tmp_path, *scores, mode=mode, save_top_k=2)
    assert names == [f"epoch={epoch}-step={2 * epoch + 2}.ckpt" for epoch in left]
    assert not checkpoint.best_model_score.isnan()


def test_a_slash_in_a_metrics_name_makes_a_directory(tmp_path):
    checkpoint = saver(tmp_path, monitor="val/loss", filename="{epoch}-{val/loss:.2f}", save_last=True)
    train(tmp_path, Scripted([3, 1], name="val/loss"), checkpoint, max_epochs=2)
    assert files(tmp_path / "ckpts") == ["epoch=1-val/loss=1.00.ckpt", "last.ckpt"]


@pytest.mark.parametrize(("monitor", "mode", "left"), [("step", "max", [2, 3]), ("epoch", "min", [0, 1])])
def test_epoch_and_step_can_rank_checkpoints(tmp_path, monitor, mode, left):
    _, names = kept(tmp_path, *[1] * 4, monitor=monitor, mode=mode, save_top_k=2)
    assert names == [f"epoch={epoch}-step={2 * epoch + 2}.ckpt" for epoch in left]


def test_two_savers_in_one_directory_leave_each_others_files_alone(tmp_path):
    best, latest = saver(tmp_path, monitor="val"), saver(tmp_path)
    train(tmp_path, Scripted([3, 1, 2]), best, latest)
    assert files(tmp_path / "ckpts") == ["epoch=1-step=8.ckpt", "epoch=2-step=12.ckpt"]


# The last one.


def test_the_last_is_written_with_each_that_is_kept(tmp_path):
    checkpoint, names = kept(tmp_path, *SCORES, save_top_k=2, save_last=True)
    assert names == ["epoch=3-step=8.ckpt", "epoch=4-step=10.ckpt", "last.ckpt"]
    assert checkpoint.last_model_path == str(tmp_path / "ckpts" / "last.ckpt")
    assert load(Path(checkpoint.last_model_path))["global_step"] == 10


def test_the_last_can_be_a_link(tmp_path):
    _, names = kept(tmp_path, 3, 1, 2, save_last="link")
    assert names == ["epoch=1-step=4.ckpt", "last.ckpt -> epoch=1-step=4.ckpt"]


@pytest.mark.parametrize("never", [{"save_top_k": 0}, {"every_n_epochs": 10}, {"every_n_train_steps": 100}])
@pytest.mark.parametrize("save_last", [True, "link"])
def test_where_none_was_due_the_last_is_written_at_the_end(tmp_path, never, save_last):
    checkpoint, names = kept(tmp_path, 3, 1, save_last=save_last, **never)
    assert names == ["last.ckpt"]
    assert load(Path(checkpoint.last_model_path))["global_step"] == 4


def test_the_last_may_have_another_name(tmp_path):
    class Named(ModelCheckpoint):
        CHECKPOINT_NAME_LAST = "{epoch:02d}-final"
        CHECKPOINT_JOIN_CHAR = "_"
        CHECKPOINT_EQUALS_CHAR = ":"
        FILE_EXTENSION = ".pth"

    checkpoint = Named(dirpath=tmp_path / "ckpts", save_last=True)
    trainer = train(tmp_path, Scripted(), checkpoint, max_epochs=2)
    assert files(tmp_path / "ckpts") == ["epoch:01-final.pth", "epoch:1_step:8.pth"]
    assert checkpoint._find_last_checkpoints(trainer) == {checkpoint.last_model_path}


# Files of others.


def occupied(root: Path, *names: str) -> None:
    (root / "ckpts").mkdir()
    for name in names:
        (root / "ckpts" / name).write_text("another run's")


@pytest.mark.parametrize("save_last", [True, "link"])
def test_files_of_another_run_are_neither_replaced_nor_deleted(tmp_path, save_last):
    occupied(tmp_path, "epoch=0-step=4.ckpt", "last.ckpt")
    with pytest.warns(LeydenWarning, match="is not empty"):
        train(tmp_path, Scripted(), saver(tmp_path, save_last=save_last), max_epochs=2)
    link = "" if save_last is True else " -> epoch=1-step=8.ckpt"
    assert files(tmp_path / "ckpts") == [
        "epoch=0-step=4.ckpt",
        "epoch=1-step=8.ckpt",
        f"last-v1.ckpt{link}",
        "last.ckpt",
    ]
    for name in ("epoch=0-step=4.ckpt", "last.ckpt"):
        assert (tmp_path / "ckpts" / name).read_text() == "another run's"


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
def test_without_versions_a_file_of_the_same_name_is_replaced(tmp_path):
    occupied(tmp_path, "last.ckpt", "x.ckpt")
    train(
        tmp_path, Scripted(), saver(tmp_path, filename="x", save_last=True, enable_version_counter=False), max_epochs=1
    )
    assert files(tmp_path / "ckpts") == ["last.ckpt", "x.ckpt"]
    assert load(tmp_path / "ckpts" / "last.ckpt")["global_step"] == 4


@pytest.mark.parametrize(
    ("save_last", "names"),
    [
        (False, ["epoch=0-step=4.ckpt"]),
        (True, ["epoch=0-step=4.ckpt", "last.ckpt"]),
        ("link", ["last.ckpt"]),
    ],
)
def test_a_file_that_another_program_puts_there_during_a_save_is_not_replaced(tmp_path, save_last, names):
    class Meanwhile(Scripted):
        def on_save_checkpoint(self, checkpoint):
            for name in names:
                if self.current_epoch == 0 and not (tmp_path / "ckpts" / name).exists():
                    (tmp_path / "ckpts" / name).write_text("another program's")

    checkpoint = saver(tmp_path, save_last=save_last, save_top_k=-1)
    train(tmp_path, Meanwhile(), checkpoint, max_epochs=2)
    for name in names:
        assert (tmp_path / "ckpts" / name).read_text() == "another program's"
    own = {name.partition(" -> ")[0] for name in files(tmp_path / "ckpts")} - {*names}
    assert own == {
        "epoch=0-step=4-v1.ckpt" if "epoch=0-step=4.ckpt" in names else "epoch=0-step=4.ckpt",
        "epoch=1-step=8.ckpt",
        *(["last-v1.ckpt"] if save_last else []),
    }
    assert load(tmp_path / "ckpts" / "epoch=1-step=8.ckpt")["global_step"] == 8
    if save_last:
        assert Path(checkpoint.last_model_path).name == "last-v1.ckpt"
        assert load(Path(checkpoint.last_model_path))["global_step"] == 8


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
@pytest.mark.parametrize("versions", [True, False])
def test_a_planted_link_is_not_followed(tmp_path, versions):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "ckpts").mkdir()
    (tmp_path / "ckpts" / "x.ckpt").symlink_to(victim)
    train(tmp_path, Scripted(), saver(tmp_path, filename="x", enable_version_counter=versions), max_epochs=2)
    assert victim.read_text() == "precious"
    written = tmp_path / "ckpts" / ("x-v1.ckpt" if versions else "x.ckpt")
    assert not written.is_symlink()
    assert load(written)["global_step"] == 8


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
def test_a_linked_directory_beneath_the_checkpoints_is_refused(tmp_path):
    (tmp_path / "ckpts").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ckpts" / "val").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PathError, match="is a link"):
        train(tmp_path, Scripted([1], name="val/x"), saver(tmp_path, monitor="val/x", filename="{val/x}"), max_epochs=1)
    assert files(tmp_path / "elsewhere") == []


def test_checkpoints_and_their_directories_are_private(tmp_path):
    train(tmp_path, Scripted([1], name="val/x"), saver(tmp_path, filename="{val/x:.0f}"), max_epochs=1)
    assert (tmp_path / "ckpts" / "val").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "ckpts" / "val" / "x=1.ckpt").stat().st_mode & 0o777 == 0o600


def test_a_checkpoint_that_somebody_deleted_is_no_error(tmp_path):
    class Deletes(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if path := trainer.checkpoint_callback.best_model_path:
                Path(path).unlink()

    checkpoint = saver(tmp_path, monitor="val")
    train(tmp_path, Scripted([3, 2, 1]), Deletes(), checkpoint)
    assert files(tmp_path / "ckpts") == ["epoch=2-step=12.ckpt"]


# Names.


def test_a_name_has_its_directory_prefix_version_and_ending():
    checkpoint = ModelCheckpoint(dirpath="/d", filename="{epoch}")
    metrics = {"epoch": torch.tensor(3), "step": torch.tensor(17)}
    assert checkpoint.format_checkpoint_name(metrics) == "/d/epoch=3.ckpt"
    assert checkpoint.format_checkpoint_name(metrics, ver=0) == "/d/epoch=3-v0.ckpt"
    assert checkpoint.format_checkpoint_name(metrics, prefix="test", ver=2) == "/d/test-epoch=3-v2.ckpt"
    assert checkpoint.format_checkpoint_name(metrics, filename="{step}") == "/d/step=17.ckpt"
    assert checkpoint.format_checkpoint_name(metrics, filename="x", prefix="p") == "/d/p-x.ckpt"
    assert ModelCheckpoint().format_checkpoint_name(metrics) == "epoch=3-step=17.ckpt"
    assert ModelCheckpoint(auto_insert_metric_name=False).format_checkpoint_name(metrics) == "3-17.ckpt"
    assert ModelCheckpoint().format_checkpoint_name({}) == "epoch=0-step=0.ckpt"


def test_all_last_checkpoints_are_found_and_nothing_else(tmp_path):
    checkpoint = saver(tmp_path, save_last=True)
    trainer = train(tmp_path, Scripted(), checkpoint, max_epochs=1)
    for name in ("last-v1.ckpt", "last-v22.ckpt", "lastx.ckpt", "last.txt"):
        (tmp_path / "ckpts" / name).write_text("")
    found = {Path(path).name for path in checkpoint._find_last_checkpoints(trainer)}
    assert found == {"last.ckpt", "last-v1.ckpt", "last-v22.ckpt"}


def test_the_ranking_can_be_written_as_yaml(tmp_path):
    checkpoint, _ = kept(tmp_path, 3, 1, save_top_k=2)
    checkpoint.to_yaml()
    text = (tmp_path / "ckpts" / "best_k_models.yaml").read_text()
    assert yaml.safe_load(text) == {path: float(score) for path, score in checkpoint.best_k_models.items()}


# Subclasses, as real programs write them.


def test_a_subclass_may_write_something_else_and_delete_it(tmp_path):
    class Folders(ModelCheckpoint):
        def _save_checkpoint(self, trainer, filepath):
            Path(filepath).mkdir()
            (Path(filepath) / "model.txt").write_text("model")

        def _remove_checkpoint(self, trainer, filepath):
            shutil.rmtree(filepath)

    train(tmp_path, Scripted([3, 1, 2]), Folders(dirpath=tmp_path / "ckpts", monitor="val"))
    assert files(tmp_path / "ckpts") == ["epoch=1-step=8.ckpt/model.txt"]


def test_a_subclass_hears_when_the_best_changes(tmp_path):
    class Hears(ModelCheckpoint):
        def _update_best_and_save(self, current, trainer, monitor_candidates):
            heard.append((float(current), int(monitor_candidates["step"])))
            super()._update_best_and_save(current, trainer, monitor_candidates)

    heard: list[tuple[float, int]] = []
    train(tmp_path, Scripted([3, 1, 2]), Hears(dirpath=tmp_path / "ckpts", monitor="val"))
    assert heard == [(3.0, 4), (1.0, 8)]


def test_a_checkpoint_of_ones_own_comes_last_and_monitors(tmp_path):
    class Own(Checkpoint):
        def on_train_epoch_end(self, trainer, pl_module):
            seen.append(trainer.callbacks.index(self))

    seen: list[int] = []
    train(tmp_path, Scripted(), Own(), Callback(), max_epochs=1)
    assert seen == [1]


def test_verbose_says_what_is_saved(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="leyden"):
        kept(tmp_path, 3, 1, 2, verbose=True)
    place = str(tmp_path / "ckpts")
    assert [record.getMessage() for record in caplog.records] == [
        f"Step 2: val = 3.00000 (best 3.00000), saved as {place}{os.sep}epoch=0-step=2.ckpt.",
        f"Step 4: val = 1.00000 (best 1.00000), saved as {place}{os.sep}epoch=1-step=4.ckpt.",
        "Step 6: val = 2.00000, not among the best 1.",
    ]
