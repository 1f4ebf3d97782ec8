"""No checkpoint is loaded, and no file chosen, that nobody named: files were planted where a program might look."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from tests.callbacks.scripted import Scripted, batches
from tests.s3_like import S3Like, store

import leyden as L
from leyden.callbacks import ModelCheckpoint
from leyden.checkpoint.load import load, read
from leyden.checkpoint.save import save
from leyden.core.warnings import LeydenWarning
from leyden.errors import SettingsError
from leyden.security import keys, ledger
from leyden.security.ledger import Entry

# Where Lightning's and other programs' automatic resuming looks, and what this program's own words mean.
PLACES = [
    "last.ckpt",
    "best.ckpt",
    "hpc_ckpt_1.ckpt",
    ".pl_auto_save.ckpt",
    "on_exception.ckpt",
    "checkpoints/last.ckpt",
    "checkpoints/best.ckpt",
    "checkpoints/epoch=9-step=99.ckpt",
    "lightning_logs/version_0/checkpoints/last.ckpt",
    "lightning_logs/version_7/checkpoints/last.ckpt",
    "lightning_logs/version_7/hparams.yaml",
]


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A current directory with a checkpoint of other weights in every place; the content of each."""
    module = Scripted()
    torch.nn.init.constant_(module.layer.weight, 1e6)
    trainer = L.Trainer(logger=False, enable_progress_bar=False, enable_checkpointing=False, max_epochs=9)
    trainer.fit(module, batches(2), batches(1))
    trainer.save_checkpoint(tmp_path / "source")
    content = (tmp_path / "source").read_bytes()
    (tmp_path / "source").unlink()
    for name in PLACES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return content


def fitted(**settings) -> tuple[L.Trainer, Scripted]:
    trainer = L.Trainer(max_epochs=1, enable_progress_bar=False, enable_model_summary=False, **settings)
    module = Scripted()
    trainer.fit(module, batches(2), batches(1))
    return trainer, module


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
@pytest.mark.parametrize("settings", [{}, {"logger": False}, {"callbacks": [ModelCheckpoint(save_last=True)]}])
def test_a_run_that_names_no_checkpoint_starts_anew_whatever_lies_around(planted, settings):
    trainer, module = fitted(**settings)
    assert trainer.ckpt_path is None
    assert (trainer.current_epoch, trainer.global_step) == (1, 2)
    assert module.layer.weight.abs().max() < 10
    assert all(Path(name).read_bytes() == planted for name in PLACES)


@pytest.mark.filterwarnings("ignore:The directory of the checkpoints")
def test_an_evaluation_that_names_no_checkpoint_takes_the_weights_that_the_model_has(planted):
    module = Scripted([1])
    before = module.layer.weight.clone()
    trainer = L.Trainer(logger=False, enable_progress_bar=False)
    trainer.validate(module, batches(1), verbose=False)
    assert trainer.ckpt_path is None
    assert torch.equal(module.layer.weight, before)


def test_best_is_what_this_trainer_has_made_and_nothing_else(planted):
    trainer = L.Trainer(logger=False, enable_progress_bar=False)
    with pytest.raises(SettingsError, match="this trainer has made no such checkpoint"):
        trainer.validate(Scripted(), batches(1), ckpt_path="best")


def test_last_is_looked_for_in_the_directory_of_the_callback_alone(planted, tmp_path):
    trainer = L.Trainer(
        callbacks=[ModelCheckpoint(dirpath=tmp_path / "mine", save_last=True)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        max_epochs=1,
    )
    with pytest.warns(LeydenWarning, match="there is no such checkpoint, so training starts anew"):
        trainer.fit(Scripted(), batches(2), batches(1), ckpt_path="last")
    assert trainer.current_epoch == 1


@pytest.mark.parametrize("word", ["hpc", "registry", "registry:model", "auto", "Last"])
def test_other_words_are_names_of_files(planted, word):
    with pytest.raises(FileNotFoundError, match="check the path"):
        L.Trainer(logger=False, enable_progress_bar=False).fit(Scripted(), batches(2), batches(1), ckpt_path=word)


def test_the_environment_names_no_checkpoint(planted, monkeypatch):
    for name in (
        "PL_CKPT_PATH",
        "PL_TRAINER_CKPT_PATH",
        "SLURM_JOB_ID",
        "PL_TRAINER_DEFAULT_ROOT_DIR",
        "FAULT_TOLERANT",
    ):
        monkeypatch.setenv(name, os.fspath(Path("last.ckpt").absolute()))
    trainer, _ = fitted(logger=False, enable_checkpointing=False)
    assert (trainer.ckpt_path, trainer.current_epoch) == (None, 1)


def test_no_address_in_the_record_of_a_run_is_followed(tmp_path):
    """The record says where each checkpoint was written; a line of it is compared and never opened."""
    with store() as objects:
        L.allow_remote("s3like://secret")
        objects["secret/last.ckpt"] = b"not to be touched"
        settings = {
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": tmp_path,
        }
        saver = lambda: ModelCheckpoint(dirpath=tmp_path / "in", save_last=True)  # noqa: E731
        L.Trainer(max_epochs=1, callbacks=[saver()], **settings).fit(Scripted(), batches(2), batches(1))
        run = _run_of(tmp_path / "in" / "last.ckpt")
        ledger.note(run, Entry(9, "0" * 64, "s3like://secret/last.ckpt"), keys.identity())
        trainer = L.Trainer(max_epochs=2, callbacks=[saver()], **settings)
        trainer.fit(Scripted(), batches(2), batches(1), ckpt_path="last")
        assert trainer.ckpt_path == str(tmp_path / "in" / "last.ckpt")
        assert S3Like.asked == []


def _run_of(path: Path) -> str:
    origin = read(path).origin
    assert origin is not None
    return origin.run


def test_a_hyperparameter_that_is_an_address_is_text(tmp_path):
    with store():
        L.allow_remote("s3like://secret")
        save({"hyper_parameters": {"ckpt_path": "s3like://secret/x"}, "state_dict": {}}, tmp_path / "a.ckpt")
        S3Like.asked.clear()
        assert load(tmp_path / "a.ckpt")["hyper_parameters"] == {"ckpt_path": "s3like://secret/x"}
        assert S3Like.asked == []
