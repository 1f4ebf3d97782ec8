from __future__ import annotations

import errno
from typing import Any, ClassVar

import pytest
import torch
from tests.callbacks.scripted import Scripted, batches, files, train
from tests.callbacks.test_model_checkpoint_resume import HOW, SCORES, ranking, saver

from leyden.callbacks import Callback
from leyden.checkpoint import store
from leyden.checkpoint.save import write
from leyden.errors import TakenError
from leyden.loggers import Logger

WAYS: list[dict[str, Any]] = [
    {},
    {"save_top_k": 1, "save_last": "link"},
    {"monitor": None, "save_top_k": 1},
    {"filename": "always the same", "save_top_k": 3},
    {"save_top_k": 0, "every_n_train_steps": 1},
]


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("settings", WAYS)
def test_the_files_and_the_ranking_are_those_of_a_run_that_waits(tmp_path, settings, most):
    there, here = (saver(tmp_path / name, **settings) for name in ("waits", "goes on"))
    train(tmp_path, Scripted(SCORES), there, **HOW)
    train(tmp_path, Scripted(SCORES), here, async_checkpointing=most, **HOW)
    assert files(tmp_path / "goes on") == files(tmp_path / "waits")
    assert ranking(here) == ranking(there)


@pytest.mark.parametrize("fails_at", [5])
@pytest.mark.parametrize("settings", WAYS)
def test_a_run_goes_on_from_files_that_were_written_in_the_background(tmp_path, settings, fails_at):
    whole = saver(tmp_path / "whole", **settings)
    torch.manual_seed(0)
    expected = train(tmp_path, Scripted(SCORES), whole, **HOW)
    torch.manual_seed(0)
    parts, fails = saver(tmp_path / "parts", **settings), Scripted(SCORES, fails_at=fails_at)
    with pytest.raises(RuntimeError, match="it fails"):
        train(tmp_path, fails, parts, async_checkpointing=2, **HOW)
    resumed = saver(tmp_path / "parts", **settings)
    last = str(tmp_path / "parts" / "last.ckpt")
    found = train(tmp_path, Scripted(SCORES), resumed, ckpt_path=last, async_checkpointing=2, **HOW)
    assert set(files(tmp_path / "whole")) <= set(files(tmp_path / "parts"))
    assert ranking(resumed) == ranking(whole)
    for name, value in expected.model.state_dict().items():
        assert torch.equal(value, found.model.state_dict()[name]), name


def test_after_fit_every_file_can_be_used(tmp_path):
    trainer = train(tmp_path, Scripted([3, 1, 2]), saver(tmp_path / "ckpts"), async_checkpointing=True)
    for word in ("best", "last"):
        assert trainer.validate(dataloaders=batches(1), ckpt_path=word, verbose=False)
    trainer.save_checkpoint(tmp_path / "more.ckpt")
    assert (tmp_path / "more.ckpt").exists()


class Full:
    """A disk that is full from its n-th file on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        monkeypatch.setattr(store, "write", self)

    def __call__(self, tree, path, *how):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "the disk is full")
        return write(tree, path, *how)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("link", [True, False])
def test_a_checkpoint_that_cannot_be_written_costs_none_that_was(tmp_path, monkeypatch, at, link):
    Full(monkeypatch, at)
    checkpoint = saver(tmp_path / "ckpts", save_top_k=1, save_last="link" if link else True)
    with pytest.raises(OSError, match="the disk is full"):
        train(tmp_path, Scripted([5, 4, 3, 2, 1, 0]), checkpoint, max_epochs=6, size=2, async_checkpointing=3)
    there = [name.partition(" -> ")[0] for name in files(tmp_path / "ckpts")]
    written = at if link else (at + 1) // 2
    newest = f"epoch={written - 1}-step={2 * written}.ckpt"
    assert (newest in there) == (at > 0)
    assert ("last.ckpt" in there) == (at > (0 if link else 1))
    assert len([name for name in there if name != "last.ckpt"]) == min(at, 1)
    assert checkpoint.best_model_path == (str(tmp_path / "ckpts" / newest) if at else "")
    assert all((tmp_path / "ckpts" / name).exists() for name in there)  # no link leads nowhere


def test_what_another_program_puts_there_while_it_is_written_is_not_replaced_and_that_is_an_error(tmp_path):
    class Meanwhile(Scripted):
        def on_save_checkpoint(self, checkpoint):
            if self.current_epoch == 1:
                (tmp_path / "ckpts" / "epoch=1-step=8.ckpt").write_text("another program's")

    checkpoint = saver(tmp_path / "ckpts", monitor=None, save_top_k=1, save_last=False)
    with pytest.raises(TakenError, match="is not replaced"):
        train(tmp_path, Meanwhile(), checkpoint, async_checkpointing=True)
    assert files(tmp_path / "ckpts") == ["epoch=0-step=4.ckpt", "epoch=1-step=8.ckpt"]
    assert (tmp_path / "ckpts" / "epoch=1-step=8.ckpt").read_text() == "another program's"
    assert checkpoint.best_model_path == str(tmp_path / "ckpts" / "epoch=0-step=4.ckpt")


def test_a_logger_hears_of_a_checkpoint_when_it_is_there(tmp_path):
    class Hears(Logger):
        name, version = "hears", "0"
        heard: ClassVar[list[bool]] = []

        def log_metrics(self, metrics, step=None): ...

        def log_hyperparams(self, params, *args, **kwargs): ...

        def after_save_checkpoint(self, checkpoint_callback):
            self.heard.append(True)

    logger = Hears()
    train(tmp_path, Scripted([3, 2]), saver(tmp_path / "ckpts"), max_epochs=2, async_checkpointing=True, logger=logger)
    assert len(logger.heard) == 4


def test_an_interrupt_waits_for_what_is_being_written(tmp_path):
    class Interrupts(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(SystemExit):
        train(tmp_path, Scripted([3, 2, 1]), Interrupts(), saver(tmp_path / "ckpts"), async_checkpointing=4)
    assert files(tmp_path / "ckpts") == ["epoch=0-step=4.ckpt", "epoch=1-step=8.ckpt", "last.ckpt"]
