"""ModelCheckpoint where its directory is in a store."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.callbacks.scripted import Scripted, batches, train
from tests.s3_like import S3Like, store

import leyden as L
from leyden.callbacks import ModelCheckpoint, OnExceptionCheckpoint
from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.core.warnings import LeydenWarning
from leyden.errors import PathError, RemoteError, SealError, SettingsError

ROOT = "s3like://bucket/run"
SCORES = [3, 1, 2, 1, 0.5, 9]


def scripted(**how: Any) -> Scripted:
    torch.manual_seed(1)
    return Scripted(SCORES, **how)


@pytest.fixture
def objects():
    with store() as objects:
        L.allow_remote("s3like://bucket")
        yield objects


def saver(directory: Any = ROOT, **settings: Any) -> ModelCheckpoint:
    return ModelCheckpoint(dirpath=directory, **({"monitor": "val", "save_top_k": 2, "save_last": True} | settings))


def names(objects: dict[str, bytes]) -> list[str]:
    return sorted(name.removeprefix("bucket/run/") for name in objects)


def test_the_best_and_the_last_are_kept_and_the_others_deleted(tmp_path, objects):
    checkpoint = saver()
    train(tmp_path, Scripted(SCORES), checkpoint, max_epochs=6)
    assert names(objects) == ["epoch=3-step=16.ckpt", "epoch=4-step=20.ckpt", "last.ckpt"]
    assert checkpoint.best_model_path == f"{ROOT}/epoch=4-step=20.ckpt"
    assert checkpoint.last_model_path == f"{ROOT}/last.ckpt"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [{}, {"save_top_k": 1}, {"save_top_k": -1}, {"save_last": "link"}])
def test_a_resumed_run_ends_with_the_objects_of_one_that_was_never_stopped(tmp_path, settings):
    with store() as objects:
        L.allow_remote("s3like://bucket")
        train(tmp_path, scripted(), saver(**settings), max_epochs=6)
        whole = names(objects)
        weights = load(f"{ROOT}/last.ckpt")["state_dict"]
    with store() as objects:
        L.allow_remote("s3like://bucket")
        with pytest.raises(RuntimeError, match="it fails"):
            train(tmp_path, scripted(fails_at=14), saver(**settings), max_epochs=6)
        trainer = train(tmp_path, Scripted(SCORES), saver(**settings), max_epochs=6, ckpt_path=f"{ROOT}/last.ckpt")
        assert names(objects) == whole
        assert trainer.ckpt_path == f"{ROOT}/last.ckpt"
        resumed = load(f"{ROOT}/last.ckpt")["state_dict"]
    assert all(torch.equal(resumed[name], weights[name]) for name in weights)


def test_last_is_found_by_a_new_process_without_fetching_models(tmp_path, objects):
    train(tmp_path, Scripted(SCORES), saver(), max_epochs=3)
    S3Like.asked.clear()
    trainer = train(tmp_path, Scripted(SCORES), saver(), max_epochs=4, ckpt_path="last")
    assert (trainer.ckpt_path, trainer.current_epoch) == (f"{ROOT}/last.ckpt", 4)
    assert names(objects) == ["epoch=1-step=8.ckpt", "epoch=3-step=16.ckpt", "last.ckpt"]


def test_every_entry_point_takes_an_address(tmp_path, objects):
    module = Scripted(SCORES)
    trainer = train(tmp_path, module, saver(), max_epochs=2)
    path = f"{ROOT}/last.ckpt"
    fresh = lambda: L.Trainer(logger=False, enable_progress_bar=False, default_root_dir=tmp_path)  # noqa: E731
    Scripted.test_step, Scripted.predict_step = Scripted.validation_step, lambda self, batch, _: self.layer(batch[0])
    try:
        fresh().validate(Scripted(SCORES), batches(2), ckpt_path=path, verbose=False)
        fresh().test(Scripted(SCORES), batches(2), ckpt_path=path, verbose=False)
        predicted = fresh().predict(Scripted(SCORES), batches(2), ckpt_path=path)
    finally:
        del Scripted.test_step, Scripted.predict_step
    assert torch.equal(predicted[0], module.layer(torch.ones(1, 2)))
    assert torch.equal(Scripted.load_from_checkpoint(path).layer.weight, module.layer.weight)
    trainer.save_checkpoint("s3like://bucket/by/hand.ckpt")
    assert "bucket/by/hand.ckpt" in objects


def test_it_deletes_nothing_that_it_did_not_write(tmp_path, objects):
    train(tmp_path, Scripted(SCORES), saver(save_top_k=1, save_last=None), max_epochs=1)
    objects["bucket/run/mine.ckpt"] = objects["bucket/other/x.ckpt"] = b"mine"
    (own,) = (name for name in objects if "epoch=0" in name)

    class Replaces(L.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 2:
                objects["bucket/run/epoch=1-step=8.ckpt"] = b"somebody else's"

    path = f"s3like://{own}"
    train(tmp_path, Scripted(SCORES), saver(save_top_k=1, save_last=None), Replaces(), max_epochs=6, ckpt_path=path)
    assert objects["bucket/run/mine.ckpt"] == objects["bucket/other/x.ckpt"] == b"mine"
    assert objects["bucket/run/epoch=1-step=8.ckpt"] == b"somebody else's"
    assert own in objects  # the user named it


def test_a_save_that_fails_leaves_the_checkpoints_before_it(tmp_path, objects):
    class Breaks(L.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            S3Like.breaks_after = 0 if trainer.current_epoch >= 2 else None

    checkpoint = saver(save_top_k=1)
    with pytest.raises(RemoteError, match="Connection reset"):
        train(tmp_path, Scripted(SCORES), checkpoint, Breaks(), max_epochs=6)
    S3Like.breaks_after = None
    assert names(objects) == ["epoch=1-step=8.ckpt", "last.ckpt"]
    assert checkpoint.best_model_path == f"{ROOT}/epoch=1-step=8.ckpt"
    assert load(checkpoint.best_model_path)["global_step"] == load(f"{ROOT}/last.ckpt")["global_step"] == 8


def test_checkpoints_are_written_in_the_background_too(tmp_path, objects):
    train(tmp_path, Scripted(SCORES), saver(), max_epochs=6, async_checkpointing=True)
    assert names(objects) == ["epoch=3-step=16.ckpt", "epoch=4-step=20.ckpt", "last.ckpt"]


def test_a_directory_that_nobody_has_allowed_is_refused_before_training(objects):
    for make in (saver, OnExceptionCheckpoint):
        with pytest.raises(RemoteError, match=r"leyden.allow_remote\('s3like://other'\)"):
            make("s3like://other/run")
    with pytest.raises(RemoteError, match="leyden.allow_remote"):
        L.Trainer(default_root_dir="s3like://other/run")
    assert S3Like.asked == []


@pytest.mark.parametrize("url", ["https://h/run", f"s3like://bucket/run#sha256={'0' * 64}"])
def test_what_is_no_directory_of_a_store_is_refused(objects, url):
    L.allow_remote("https://h")
    with pytest.raises(SettingsError, match="directory in a store"):
        saver(url)


def test_a_name_of_a_file_cannot_leave_the_directory(tmp_path, objects):
    with pytest.raises(SettingsError, match="leads out of the directory"):
        saver(filename="../x")
    with pytest.raises(PathError, match="is not the name of a file"):
        train(tmp_path, Scripted([1], name="a?b"), saver(filename="{a?b}", monitor="a?b"), max_epochs=1)
    assert objects == {}


def test_no_address_in_a_checkpoint_is_followed(tmp_path, objects):
    """A file says where its run kept its checkpoints; whoever made it may have written anything there."""
    L.allow_remote("s3like://secret")
    train(tmp_path, Scripted(SCORES), saver(tmp_path / "in"), max_epochs=2)
    objects["secret/best.ckpt"] = b"not to be touched"
    tree = load(tmp_path / "in" / "last.ckpt")
    (state,) = (state for key, state in tree["callbacks"].items() if key.startswith("ModelCheckpoint"))
    there = "s3like://secret/best.ckpt"
    state |= {
        "dirpath": "s3like://secret",
        "best_model_path": there,
        "best_k_models": {there: torch.tensor(0.1)},
        "kth_best_model_path": there,
        "last_model_path": there,
    }
    state["leyden"] |= {"leaving": [there, "best.ckpt"], "file": there, "digests": {there: "0" * 64}}
    save(tree, tmp_path / "theirs" / "last.ckpt")
    S3Like.asked.clear()
    with pytest.warns(LeydenWarning):
        train(
            tmp_path,
            Scripted(SCORES),
            saver(tmp_path / "mine"),
            max_epochs=3,
            ckpt_path=str(tmp_path / "theirs" / "last.ckpt"),
        )
    assert S3Like.asked == []
    with pytest.warns(LeydenWarning):
        train(tmp_path, Scripted(SCORES), saver(), max_epochs=3, ckpt_path=str(tmp_path / "theirs" / "last.ckpt"))
    assert {key for _, key in S3Like.asked if key.startswith("secret")} == set()
    assert objects["secret/best.ckpt"] == b"not to be touched"


def test_a_last_checkpoint_that_was_rolled_back_is_refused_unless_it_is_named(tmp_path, objects):
    train(tmp_path, Scripted(SCORES), saver(), max_epochs=1)
    old = objects["bucket/run/last.ckpt"]
    train(tmp_path, Scripted(SCORES), saver(), max_epochs=2, ckpt_path="last")
    objects["bucket/run/last.ckpt"] = old
    with pytest.raises(SealError, match=r"s3like://bucket/run/last.ckpt is not read: .*rolled back"):
        train(tmp_path, Scripted(SCORES), saver(), max_epochs=3, ckpt_path="last")
    train(tmp_path, Scripted(SCORES), saver(), max_epochs=3, ckpt_path=f"{ROOT}/last.ckpt")


def test_a_checkpoint_says_where_it_lies_relative_to_the_root_of_the_trainer(objects):
    trainer = L.Trainer(default_root_dir="s3like://bucket/root", max_epochs=1, logger=False, enable_progress_bar=False)
    trainer.fit(Scripted(SCORES), batches(2), batches(1))
    assert trainer.default_root_dir == "s3like://bucket/root"
    path = "s3like://bucket/root/checkpoints/epoch=0-step=2.ckpt"
    assert trainer.checkpoint_callback.best_model_path == path
    (state,) = (state for key, state in load(path)["callbacks"].items() if key.startswith("ModelCheckpoint"))
    assert (state["dirpath"], state["best_model_path"]) == ("checkpoints", "epoch=0-step=2.ckpt")
    assert b"bucket" not in objects["bucket/root/checkpoints/epoch=0-step=2.ckpt"]


def test_what_an_exception_leaves_can_lie_in_a_store(tmp_path, objects):
    with pytest.raises(RuntimeError, match="it fails"):
        train(tmp_path, Scripted(SCORES, fails_at=3), OnExceptionCheckpoint(ROOT), max_epochs=1)
    assert names(objects) == ["on_exception.ckpt"]
    assert load(f"{ROOT}/on_exception.ckpt")["global_step"] == 3


def test_the_ranking_can_be_written_beside_them(tmp_path, objects):
    checkpoint = saver()
    train(tmp_path, Scripted(SCORES), checkpoint, max_epochs=2)
    checkpoint.to_yaml()
    assert b"epoch=1-step=8.ckpt: 1.0" in objects["bucket/run/best_k_models.yaml"]


def test_the_root_of_a_trainer_can_be_in_a_store_with_logs_and_checkpoints(objects):
    for _ in range(2):
        trainer = L.Trainer(default_root_dir=ROOT, max_epochs=1, enable_progress_bar=False, log_every_n_steps=1)
        trainer.fit(Scripted(SCORES), batches(2), batches(1))
    assert names(objects) == [
        f"lightning_logs/version_{version}/{name}"
        for version in range(2)
        for name in ("checkpoints/epoch=0-step=2.ckpt", "metrics.csv")
    ]
    assert trainer.log_dir == f"{ROOT}/lightning_logs/version_1"


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
@pytest.mark.parametrize("content", [b"", b"x" * 200, b"\xff" * 200, bytes(2 << 20)])
def test_what_others_have_put_there_is_left_alone_and_stops_no_run(tmp_path, objects, content):
    L.allow_remote("s3like://bucket/run", largest=1 << 20)
    objects["bucket/run/last.ckpt"] = objects["bucket/run/x.ckpt"] = content
    train(tmp_path, Scripted(SCORES), saver(), max_epochs=1)
    assert objects["bucket/run/last.ckpt"] == objects["bucket/run/x.ckpt"] == content
    assert "last-v1.ckpt" in names(objects)
