from __future__ import annotations

import shutil
import warnings
from math import nan
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.callbacks.scripted import Scripted, batches, files, train

from leyden.callbacks import Callback
from leyden.callbacks.model_checkpoint import ModelCheckpoint
from leyden.checkpoint.load import load
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError

SCORES = [3, 1, 2, 1, 0.5, 9]


def saver(directory: Path, **settings: Any) -> ModelCheckpoint:
    return ModelCheckpoint(dirpath=directory, **({"monitor": "val", "save_top_k": 2, "save_last": True} | settings))


def ranking(checkpoint: ModelCheckpoint) -> dict[str, Any]:
    """Everything a checkpoint callback tells, with paths relative to its directory."""
    state = checkpoint.state_dict()
    own = {name: state["leyden"][name] for name in ("saved_step", "awaits_metric")}
    return state | {"best_k_models": list(state["best_k_models"].items()), "dirpath": None, "leyden": own}


def run_until(root: Path, fails_at: int, *callbacks: Callback, **how: Any) -> None:
    with pytest.raises(RuntimeError, match="it fails"):
        train(root, Scripted(SCORES, train=SCORES, fails_at=fails_at), *callbacks, **how)


HOW = {"max_epochs": 6, "size": 4}


@pytest.mark.parametrize("fails_at", [5, 14, 22])
@pytest.mark.parametrize(
    ("settings", "how"),
    [
        ({}, {}),
        ({"save_top_k": 1, "mode": "max"}, {}),
        ({"save_top_k": -1}, {}),
        ({"monitor": None, "save_top_k": 1}, {}),
        ({"filename": "{val:.1f}"}, {}),
        ({"every_n_train_steps": 2}, {"val_check_interval": 2}),
        ({"every_n_train_steps": 3}, {}),
        ({"every_n_train_steps": 2, "save_top_k": -1}, {"size": 8, "accumulate_grad_batches": 2}),
        ({"save_top_k": 0, "every_n_train_steps": 1}, {}),
    ],
)
def test_a_resumed_run_ends_with_the_same_files_and_ranking(tmp_path, settings, how, fails_at):
    whole, how = saver(tmp_path / "whole", **settings), HOW | how
    train(tmp_path, Scripted(SCORES), whole, **how)
    run_until(tmp_path, fails_at, saver(tmp_path / "parts", **settings), **how)
    resumed = saver(tmp_path / "parts", **settings)
    train(tmp_path, Scripted(SCORES), resumed, ckpt_path=str(tmp_path / "parts" / "last.ckpt"), **how)
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert ranking(resumed) == ranking(whole)


def test_a_checkpoint_that_awaits_its_score_is_saved_after_the_resume(tmp_path):
    class SavesBeforeValidation(Callback):
        def on_validation_start(self, trainer, pl_module):
            if trainer.global_step == 8 and not trainer.sanity_checking:
                trainer.save_checkpoint(tmp_path / "here.ckpt")
                raise RuntimeError("it fails")

    settings = {"every_n_train_steps": 4, "save_last": None}
    with pytest.raises(RuntimeError, match="it fails"):
        train(tmp_path, Scripted([3, 1]), SavesBeforeValidation(), saver(tmp_path / "ckpts", **settings))
    assert files(tmp_path / "ckpts") == ["epoch=0-step=4.ckpt"]
    resumed = saver(tmp_path / "ckpts", **settings)
    train(tmp_path, Scripted([3, 1]), resumed, ckpt_path=str(tmp_path / "here.ckpt"), max_epochs=2)
    assert files(tmp_path / "ckpts") == ["epoch=0-step=4.ckpt", "epoch=1-step=8.ckpt"]
    assert resumed.best_model_score == 1


def test_a_resume_does_not_save_the_same_step_twice(tmp_path):
    settings = {"save_on_train_epoch_end": False, "save_top_k": -1, "save_last": None}
    train(tmp_path, Scripted([3, 1]), saver(tmp_path / "ckpts", **settings), max_epochs=2)
    resumed = saver(tmp_path / "ckpts", **settings)
    train(tmp_path, Scripted([3, 1]), resumed, ckpt_path=str(tmp_path / "ckpts" / "epoch=1-step=8.ckpt"), max_epochs=2)
    assert files(tmp_path / "ckpts") == ["epoch=0-step=4.ckpt", "epoch=1-step=8.ckpt"]


def test_the_file_from_which_a_run_goes_on_is_never_deleted(tmp_path):
    train(tmp_path, Scripted([3]), saver(tmp_path / "ckpts", save_top_k=1, save_last=None), max_epochs=1)
    start = tmp_path / "ckpts" / "epoch=0-step=4.ckpt"
    train(tmp_path, Scripted([2]), saver(tmp_path / "ckpts", save_top_k=1, save_last=None), ckpt_path=str(start))
    assert files(tmp_path / "ckpts") == ["epoch=0-step=4.ckpt", "epoch=1-step=8.ckpt"]


def test_a_linked_last_checkpoint_can_be_resumed_from(tmp_path):
    settings = {"save_top_k": 1, "save_last": "link"}
    train(tmp_path, Scripted([3]), saver(tmp_path / "ckpts", **settings), max_epochs=1)
    resumed = saver(tmp_path / "ckpts", **settings)
    train(tmp_path, Scripted([2, 1]), resumed, ckpt_path=str(tmp_path / "ckpts" / "last.ckpt"), max_epochs=2)
    assert files(tmp_path / "ckpts") == [
        "epoch=0-step=4.ckpt",  # what the link led to
        "epoch=1-step=8.ckpt",
        "last.ckpt -> epoch=1-step=8.ckpt",
    ]


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
def test_a_file_that_was_only_evaluated_may_be_deleted(tmp_path):
    checkpoint = saver(tmp_path / "ckpts", save_top_k=1, save_last=None)
    trainer = train(tmp_path, Scripted([3]), checkpoint, max_epochs=1)
    trainer.validate(dataloaders=batches(1), ckpt_path="best", verbose=False)
    train(tmp_path, Scripted([5, 2]), checkpoint, max_epochs=2)
    assert files(tmp_path / "ckpts") == ["epoch=1-step=8.ckpt"]


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
def test_a_callback_that_is_used_again_saves_at_the_same_step_again(tmp_path):
    checkpoint = saver(tmp_path / "ckpts", monitor=None, save_top_k=-1, save_last=None, filename="{epoch}-{val}")
    for score in (3, 2):
        train(tmp_path, Scripted([score]), checkpoint, max_epochs=1)
    assert files(tmp_path / "ckpts") == ["epoch=0-val=2.0.ckpt", "epoch=0-val=3.0.ckpt"]


# Paths.


def test_a_file_names_no_place_outside_its_directory(tmp_path):
    train(tmp_path, Scripted([3, 1]), saver(tmp_path / "logs" / "ckpts", filename="{epoch}-{val/x}"), max_epochs=2)
    (state,) = load(tmp_path / "logs" / "ckpts" / "last.ckpt")["callbacks"].values()
    assert state["dirpath"] == "logs/ckpts"
    assert state["best_model_path"] == "epoch=1-val/x=0.ckpt"
    assert set(state["best_k_models"]) == {"epoch=0-val/x=0.ckpt", "epoch=1-val/x=0.ckpt"}
    assert state["last_model_path"] == "last.ckpt"
    assert str(tmp_path) not in repr(state)


@pytest.mark.parametrize("root", ["new", "elsewhere"])
def test_a_run_whose_directory_was_moved_goes_on(tmp_path, root):
    train(tmp_path / "old", Scripted([3, 2]), saver(tmp_path / "old" / "ckpts"), max_epochs=2)
    shutil.move(tmp_path / "old", tmp_path / "new")
    last = tmp_path / "new" / "ckpts" / "last.ckpt"
    train(tmp_path / root, Scripted([3, 2, 1]), saver(tmp_path / "new" / "ckpts"), ckpt_path=str(last), max_epochs=3)
    assert files(tmp_path / "new" / "ckpts") == ["epoch=1-step=8.ckpt", "epoch=2-step=12.ckpt", "last.ckpt"]


def test_in_another_directory_the_ranking_begins_anew_and_the_old_files_stay(tmp_path):
    train(tmp_path, Scripted([1, 2]), saver(tmp_path / "old"), max_epochs=2)
    before = files(tmp_path / "old")
    fresh = saver(tmp_path / "new", save_top_k=1)
    with pytest.warns(LeydenWarning, match=r"are in .*old, not in .*new"):
        train(tmp_path, Scripted([1, 2, 5]), fresh, ckpt_path=str(tmp_path / "old" / "last.ckpt"), max_epochs=3)
    assert files(tmp_path / "old") == before
    assert files(tmp_path / "new") == ["epoch=2-step=12.ckpt", "last.ckpt"]
    assert fresh.best_model_score == 5


def lightning_state(directory: Path) -> dict[str, Any]:
    """What pytorch-lightning 2.6.6 saves."""
    return {
        "monitor": "val",
        "best_model_score": torch.tensor(1.0),
        "best_model_path": f"{directory}/epoch=1-step=8.ckpt",
        "current_score": torch.tensor(1.0),
        "dirpath": str(directory),
        "best_k_models": {
            f"{directory}/epoch=0-step=4.ckpt": torch.tensor(3.0),
            f"{directory}/epoch=1-step=8.ckpt": torch.tensor(1.0),
        },
        "kth_best_model_path": f"{directory}/epoch=0-step=4.ckpt",
        "kth_value": torch.tensor(3.0),
        "last_model_path": f"{directory}/last.ckpt",
    }


def test_a_state_of_lightnings_is_understood(tmp_path):
    state = lightning_state(tmp_path)
    checkpoint = saver(tmp_path)
    checkpoint.load_state_dict(state)
    for name in state.keys() - {"monitor", "dirpath"}:
        assert getattr(checkpoint, name) == state[name], name


def test_a_state_from_before_any_directory_was_chosen_is_nothing_to_warn_of():
    checkpoint = ModelCheckpoint()
    checkpoint.load_state_dict(ModelCheckpoint().state_dict())
    assert checkpoint.best_model_path == ""


@pytest.mark.parametrize(
    "path",
    [
        "../victim.ckpt",
        "sub/../../victim.ckpt",
        "{root}/victim.ckpt",
        "linked/victim.ckpt",
        "notes.txt",
        "..",
        "a\0.ckpt",
        "C:\\x.ckpt",
    ],
)
@pytest.mark.parametrize("key", ["best_k_models", "kth_best_model_path", "best_model_path", "last_model_path"])
def test_a_state_that_names_files_elsewhere_cannot_make_the_run_touch_them(tmp_path, key, path):
    ckpts = tmp_path / "ckpts"
    ckpts.mkdir()
    victims = [tmp_path / "victim.ckpt", ckpts / "notes.txt"]
    for victim in victims:
        victim.write_text("precious")
    (ckpts / "linked").symlink_to(tmp_path)
    path = path.format(root=tmp_path)
    checkpoint = saver(ckpts, save_top_k=1)
    state = checkpoint.state_dict() | {"dirpath": str(ckpts)}
    state |= {"best_k_models": {path: torch.tensor(99.0)}} if key == "best_k_models" else {key: path}
    with pytest.warns(LeydenWarning, match="They are forgotten") as caught:
        checkpoint.load_state_dict(state)
    assert len(caught) == 1
    assert (checkpoint.best_k_models, checkpoint.kth_best_model_path) == ({}, "")
    assert (checkpoint.best_model_path, checkpoint.last_model_path) == ("", "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the directory is not empty
        train(tmp_path, Scripted([3, 1]), checkpoint, max_epochs=2)
    assert [victim.read_text() for victim in victims] == ["precious"] * 2


def test_files_that_a_state_names_in_its_own_directory_may_be_deleted_and_others_not(tmp_path):
    checkpoint = saver(tmp_path / "ckpts", save_top_k=1)
    (tmp_path / "ckpts").mkdir()
    for name in ("named.ckpt", "other.ckpt"):
        (tmp_path / "ckpts" / name).write_text("")
    scores = {"named.ckpt": torch.tensor(99.0)}
    checkpoint.load_state_dict(checkpoint.state_dict() | {"best_k_models": scores, "dirpath": str(tmp_path / "ckpts")})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the directory is not empty
        train(tmp_path, Scripted([3]), checkpoint, max_epochs=1)
    assert files(tmp_path / "ckpts") == ["epoch=0-step=4.ckpt", "last.ckpt", "other.ckpt"]


# Values.


@pytest.mark.parametrize(
    "change",
    [
        {"best_model_path": 3},
        {"best_model_path": None},
        {"best_k_models": [1]},
        {"best_k_models": {3: torch.tensor(1.0)}},
        {"best_k_models": {"a.ckpt": "low"}},
        {"best_k_models": {"a.ckpt": torch.tensor(nan)}},
        {"best_k_models": {"a.ckpt": torch.zeros(2)}},
        {"best_model_score": True},
        {"best_model_score": torch.tensor(1j)},
        {"best_model_score": 2**70},
        {"current_score": torch.zeros((), device="meta")},
        {"kth_value": nan},
        {"kth_best_model_path": b"x"},
        {"last_model_path": ["x"]},
        {"dirpath": 3},
        {"leyden": 3},
        {"leyden": {"saved_step": -1}},
        {"leyden": {"awaits_metric": 1}},
    ],
)
def test_a_state_that_is_malformed_is_refused_and_changes_nothing(tmp_path, change):
    checkpoint = saver(tmp_path)
    before = checkpoint.state_dict()
    with pytest.raises(FormatError, match=r"ModelCheckpoint\{'monitor': 'val'"):
        checkpoint.load_state_dict(lightning_state(tmp_path) | change)
    assert checkpoint.state_dict() == before


def test_scores_may_be_plain_numbers_and_infinite(tmp_path):
    checkpoint = saver(tmp_path)
    checkpoint.load_state_dict(lightning_state(tmp_path) | {"best_model_score": 2, "kth_value": float("inf")})
    assert (checkpoint.best_model_score, checkpoint.kth_value) == (2, float("inf"))


def test_keys_of_a_subclass_are_none_of_our_business(tmp_path):
    class More(ModelCheckpoint):
        def state_dict(self):
            return super().state_dict() | {"mine": 1}

    checkpoint = More(dirpath=tmp_path)
    state = checkpoint.state_dict()
    checkpoint.load_state_dict(state)
    assert checkpoint.state_dict() == state


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
@pytest.mark.parametrize("save_last", [True, "link"])
def test_a_file_that_somebody_put_where_the_last_was_to_come_is_left_alone(tmp_path, save_last):
    first = saver(tmp_path / "ckpts", save_last=save_last)
    train(tmp_path, Scripted(SCORES), first, max_epochs=1)
    last = Path(first.last_model_path)
    last.unlink()  # as if the run had died before it was written
    last.write_text("somebody's")
    resumed = saver(tmp_path / "ckpts", save_last=save_last)
    train(tmp_path, Scripted(SCORES), resumed, max_epochs=2, ckpt_path=first.best_model_path)
    assert last.read_text() == "somebody's"
    assert Path(resumed.last_model_path).name == "last-v1.ckpt"


def test_a_file_that_somebody_put_in_the_place_of_the_link_is_left_alone(tmp_path):
    class Replaces(Scripted):
        def on_train_epoch_start(self):
            if self.current_epoch == 1:
                (tmp_path / "ckpts" / "last.ckpt").unlink()
                (tmp_path / "ckpts" / "last.ckpt").write_text("somebody's")

    train(tmp_path, Replaces(SCORES), saver(tmp_path / "ckpts", save_last="link"), max_epochs=2)
    assert (tmp_path / "ckpts" / "last.ckpt").read_text() == "somebody's"
    assert (tmp_path / "ckpts" / "last-v1.ckpt").is_symlink()


def test_a_run_that_has_nothing_left_to_do_sweeps_what_a_dead_one_left(tmp_path):
    settings = {"monitor": None, "save_top_k": 0}
    train(tmp_path, Scripted(), saver(tmp_path / "ckpts", **settings), max_epochs=1)
    (tmp_path / "ckpts" / ".0123456789abcdef.leyden-tmp").write_bytes(b"half")
    train(tmp_path, Scripted(), saver(tmp_path / "ckpts", **settings), max_epochs=1, ckpt_path="last")
    assert files(tmp_path / "ckpts") == ["last.ckpt"]
