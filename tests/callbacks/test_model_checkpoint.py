from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.callbacks.scripted import Scripted, batches, files, kept, saver, train

import leyden as L
from leyden.callbacks import Callback
from leyden.callbacks.model_checkpoint import ModelCheckpoint
from leyden.checkpoint.load import load
from leyden.core.warnings import LeydenWarning
from leyden.errors import EncodeError, MonitorError
from leyden.loggers.csv import CSVLogger

SCORES = [3, 1, 2, 1, 0.5, 9]


class Saves(Callback):
    """Notes the hook, the step and the score at which each checkpoint was written."""

    def __init__(self, metric: str = "val") -> None:
        self.metric = metric
        self.at: list[tuple[str, int, float | None]] = []

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        score = trainer.callback_metrics.get(self.metric)
        score = None if score is None else score.item()
        self.at.append((trainer._log.hook, trainer.global_step, score))


def saves(root: Path, settings: dict, module: Scripted | None = None, **how) -> list[tuple[str, int, float | None]]:
    noted = Saves(settings.get("monitor") or "val")
    train(root, module or Scripted(SCORES, train=SCORES), noted, saver(root, save_top_k=-1, **settings), **how)
    return noted.at


def test_checkpoints_lie_beneath_the_root_if_there_is_no_logger(tmp_path):
    train(tmp_path, Scripted(), ModelCheckpoint(), max_epochs=1)
    assert files(tmp_path) == ["checkpoints/epoch=0-step=4.ckpt"]


@pytest.mark.parametrize(
    ("logger", "place"),
    [
        ({"name": "n", "version": 3}, "n/version_3"),
        ({"name": "n", "version": "abc"}, "n/abc"),
        ({}, "lightning_logs/version_0"),
        ({"name": ""}, "version_0"),
    ],
)
def test_checkpoints_lie_with_the_files_of_the_first_logger(tmp_path, logger, place):
    checkpoint = ModelCheckpoint()
    loggers = [CSVLogger(tmp_path / "logs", **logger), CSVLogger(tmp_path / "more")]
    train(tmp_path, Scripted(), checkpoint, max_epochs=1, logger=loggers)
    assert checkpoint.dirpath == str(tmp_path / "logs" / place / "checkpoints")
    assert Path(checkpoint.best_model_path).is_file()


def test_loggers_are_told_of_each_checkpoint(tmp_path):
    class Listens(CSVLogger):
        def after_save_checkpoint(self, checkpoint_callback):
            told.append((checkpoint_callback.best_model_path != "", checkpoint_callback.last_model_path != ""))

    told: list[tuple[bool, bool]] = []
    train(tmp_path, Scripted(), saver(tmp_path, save_last=True), max_epochs=1, logger=Listens(tmp_path))
    assert told == [(True, False), (True, True)]


# When.


EPOCHS = [("on_train_epoch_end", 4, 3.0), ("on_train_epoch_end", 8, 1.0), ("on_train_epoch_end", 12, 2.0)]


@pytest.mark.parametrize("monitor", [None, "val"])
def test_an_epoch_that_validation_ends_is_saved_at_its_own_end(tmp_path, monitor):
    assert saves(tmp_path, {"monitor": monitor}) == EPOCHS


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"val_check_interval": 2, "max_epochs": 1}, [(2, 3.0), (4, 1.0)]),
        ({"val_check_interval": 4, "max_epochs": 2}, [(4, 3.0), (8, 1.0)]),
        ({"check_val_every_n_epoch": 2, "max_epochs": 4}, [(8, 3.0), (16, 1.0)]),
        ({"check_val_every_n_epoch": None, "val_check_interval": 6}, [(6, 3.0), (12, 1.0)]),
    ],
)
def test_where_validation_runs_more_or_less_often_it_is_saved_at_its_end(tmp_path, how, expected):
    assert saves(tmp_path, {"monitor": "val"}, **how) == [("on_validation_end", *each) for each in expected]


@pytest.mark.parametrize("how", [{}, {"check_val_every_n_epoch": 2}, {"val_check_interval": 2}])
def test_without_validation_epochs_are_saved_at_their_end(tmp_path, how):
    expected = [(hook, step, score) for hook, step, score in EPOCHS]
    assert saves(tmp_path, {"monitor": "train"}, validation=0, **how) == expected


def test_where_to_save_can_be_chosen(tmp_path):
    after_training = saves(tmp_path / "a", {"save_on_train_epoch_end": True}, val_check_interval=2, max_epochs=2)
    assert after_training == [("on_train_epoch_end", 4, 1.0), ("on_train_epoch_end", 8, 1.0)]
    after_validation = saves(tmp_path / "b", {"save_on_train_epoch_end": False}, max_epochs=2)
    assert after_validation == [("on_validation_end", 4, 3.0), ("on_validation_end", 8, 1.0)]


def test_every_second_epoch_is_every_second(tmp_path):
    assert [step for _, step, _ in saves(tmp_path, {"every_n_epochs": 2}, max_epochs=5)] == [8, 16]


BATCH, VALIDATION, EPOCH = "on_train_batch_end", "on_validation_end", "on_train_epoch_end"


@pytest.mark.parametrize(
    ("settings", "how", "expected"),
    [
        # A metric of training is there at every step.
        (
            {"monitor": "seen", "every_n_train_steps": 2},
            {"validation": 0},
            [(BATCH, 2), (BATCH, 4), (BATCH, 6), (BATCH, 8)],
        ),
        # The score is that of the validation that is due, not of the one before it.
        ({"monitor": "val", "every_n_train_steps": 4}, {}, [(VALIDATION, 4, 3.0), (VALIDATION, 8, 1.0)]),
        (
            {"monitor": "val", "every_n_train_steps": 2},
            {"val_check_interval": 2},
            [(VALIDATION, 2, 3.0), (VALIDATION, 4, 1.0), (VALIDATION, 6, 2.0), (VALIDATION, 8, 1.0)],
        ),
        # No validation is due at step 6: the score is the newest there is.
        ({"monitor": "val", "every_n_train_steps": 3}, {}, [(VALIDATION, 4, 3.0), (BATCH, 6, 3.0)]),
        # At steps 3 and 6 there is no score yet.
        ({"monitor": "val", "every_n_train_steps": 3}, {"check_val_every_n_epoch": 2}, [(VALIDATION, 8, 3.0)]),
        # The mean of an epoch comes with its end.
        ({"monitor": "train", "every_n_train_steps": 3}, {}, [(EPOCH, 4, 3.0), (BATCH, 6, 3.0)]),
        ({"every_n_train_steps": 3}, {}, [(BATCH, 3), (BATCH, 6)]),
        ({"train_time_interval": timedelta(0)}, {"max_epochs": 1}, [(BATCH, step) for step in (1, 2, 3, 4)]),
        ({"train_time_interval": timedelta(0), "monitor": "val"}, {"max_epochs": 1}, [(VALIDATION, 4, 3.0)]),
        ({"train_time_interval": timedelta(hours=1)}, {}, []),
        ({"every_n_train_steps": 1}, {"accumulate_grad_batches": 3, "max_epochs": 1}, [(BATCH, 1), (BATCH, 2)]),
        (
            {"train_time_interval": timedelta(0)},
            {"accumulate_grad_batches": 2, "max_epochs": 1},
            [(BATCH, 1), (BATCH, 2)],
        ),
        ({"every_n_epochs": 0}, {}, []),
    ],
)
def test_a_step_that_is_due_waits_for_its_own_score(tmp_path, settings, how, expected):
    found = saves(tmp_path, settings, **({"max_epochs": 2} | how))
    assert [each[: len(due)] for each, due in zip(found, expected, strict=True)] == expected


def test_nothing_is_saved_by_the_sanity_check_a_validation_alone_or_a_development_run(tmp_path):
    checkpoint = saver(tmp_path, save_last=True, save_on_train_epoch_end=False, save_on_exception=True)
    module = Scripted([3])
    trainer = L.Trainer(accelerator="cpu", default_root_dir=tmp_path, logger=False, callbacks=checkpoint, max_epochs=0)
    trainer.validate(module, batches(1), verbose=False)
    train(tmp_path, module, saver(tmp_path, save_last=True), fast_dev_run=True)
    assert files(tmp_path) == []


def test_a_step_limit_inside_an_epoch_ends_it_and_saves(tmp_path):
    assert [step for _, step, _ in saves(tmp_path, {"monitor": "val"}, max_steps=6)] == [4, 6]


def test_weights_can_be_saved_alone(tmp_path):
    checkpoint = saver(tmp_path, save_weights_only=True)
    train(tmp_path, Scripted(), checkpoint, max_epochs=1)
    saved = load(Path(checkpoint.best_model_path))
    assert "state_dict" in saved
    assert "optimizer_states" not in saved


# What goes wrong.


@pytest.mark.parametrize(
    "settings", [{}, {"save_top_k": -1}, {"every_n_train_steps": 2}, {"save_on_train_epoch_end": False}]
)
def test_a_metric_that_nobody_logged_is_an_error_that_lists_those_there_are(tmp_path, settings):
    with pytest.raises(
        MonitorError, match=r"monitors 'nope'.*'seen', 'val', 'epoch', 'step'.*self\.log\('nope', value\)"
    ):
        train(tmp_path, Scripted([3]), saver(tmp_path, monitor="nope", **settings))
    assert files(tmp_path) == []


@pytest.mark.parametrize("settings", [{}, {"every_n_train_steps": 2}])
def test_without_validation_a_metric_may_still_come_and_a_warning_says_so_once(tmp_path, settings):
    with pytest.warns(LeydenWarning, match="monitors 'val'") as caught:
        train(tmp_path, Scripted([3]), saver(tmp_path, monitor="val", **settings), validation=0)
    assert len(caught) == 1
    assert files(tmp_path) == []


def test_a_metric_that_ranks_nothing_may_be_missing(tmp_path):
    _, names = kept(tmp_path, 3, 1, monitor="nope", save_top_k=0, save_last=True)
    assert names == ["last.ckpt"]


@pytest.mark.parametrize("save_last", [True, "link", None])
def test_an_exception_can_leave_a_checkpoint(tmp_path, save_last):
    checkpoint = saver(tmp_path, monitor="val", save_on_exception=True, save_last=save_last)
    with pytest.raises(RuntimeError, match="it fails"):
        train(tmp_path, Scripted([3], fails_at=6), checkpoint)
    last = {True: ["last.ckpt"], "link": ["last.ckpt -> epoch=1-step=6.ckpt"], None: []}[save_last]
    assert files(tmp_path / "ckpts") == ["epoch=0-step=4.ckpt", "epoch=1-step=6.ckpt", *last]
    assert checkpoint.best_model_path.endswith("epoch=0-step=4.ckpt")  # what failed is not among the best


@pytest.mark.parametrize("fails_at", [0, 4])
def test_an_exception_where_nothing_is_new_leaves_none(tmp_path, fails_at):
    with pytest.raises(RuntimeError, match="it fails"):
        train(tmp_path, Scripted(fails_at=fails_at), saver(tmp_path, save_on_exception=True))
    assert len(files(tmp_path)) == (fails_at > 0)


def test_a_checkpoint_that_cannot_be_written_leaves_the_ranking_and_the_files_as_they_were(tmp_path):
    class Spoils(Callback):
        def on_save_checkpoint(self, trainer, pl_module, checkpoint):
            if trainer.current_epoch == 2:
                checkpoint["spoilt"] = object()

    checkpoint = saver(tmp_path, monitor="val", save_top_k=2, save_on_exception=True, save_last=True)
    with pytest.raises(EncodeError, match="spoilt"):
        train(tmp_path, Scripted([3, 2, 1]), Spoils(), checkpoint)
    assert files(tmp_path / "ckpts") == ["epoch=0-step=4.ckpt", "epoch=1-step=8.ckpt", "last.ckpt"]
    assert sorted(map(float, checkpoint.best_k_models.values())) == [2, 3]
    assert (checkpoint.best_model_score, checkpoint.kth_value, checkpoint.current_score) == (2, 3, 2)
