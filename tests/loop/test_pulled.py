"""Steps that take their batches themselves."""

from __future__ import annotations

import pytest
import torch
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.core.warnings import LeydenWarning
from leyden.errors import LogError, ModuleError


class Taking(Tiny):
    """Takes so many batches for each step."""

    def __init__(self, count=1):
        super().__init__()
        self.count = count
        self.taken = []

    def take(self, dataloader_iter):
        for _ in range(self.count):
            batch, *place = next(dataloader_iter)
            self.taken.append(place)
        return self(batch).pow(2).mean()

    def training_step(self, dataloader_iter):
        return self.take(dataloader_iter)

    def validation_step(self, dataloader_iter):
        self.take(dataloader_iter)

    def predict_step(self, dataloader_iter):
        return self.take(dataloader_iter)


class Seen(L.Callback):
    def __init__(self):
        self.lines = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.lines.append(("start", None if batch is None else batch[0, 0].item(), batch_idx))

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.lines.append(("end", batch[0, 0].item(), batch_idx, trainer.is_last_batch))

    def on_predict_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        self.lines.append((batch[0, 0].item(), batch_idx, dataloader_idx))


def test_hooks_see_the_batch_that_was_taken_last(tmp_path):
    seen = Seen()
    trainer(tmp_path, seen).fit(Taking(2), batches(4), batches(2))
    assert seen.lines == [("start", None, 0), ("end", 2.0, 1, False), ("start", 2.0, 1), ("end", 6.0, 3, True)]


def test_a_step_that_finds_no_batch_ends_the_epoch_and_is_not_counted(tmp_path):
    seen, module = Seen(), Taking(2)
    run = trainer(tmp_path, seen, max_epochs=2)
    run.fit(module, batches(3), batches(1))
    assert run.global_step == 2
    assert [line[0] for line in seen.lines] == ["start", "end", "start"] * 2
    assert run.predict(module, batches(3)) is not None
    assert seen.lines[6:] == [(2.0, 1, 0)]


def test_predictions_tell_of_which_loader_they_are(tmp_path):
    seen = Seen()
    answer = trainer(tmp_path, seen).predict(Taking(), [batches(2), batches(1)])
    assert [len(one) for one in answer] == [2, 1]
    assert seen.lines == [(0.0, 0, 0), (2.0, 1, 0), (0.0, 0, 1)]


def test_a_run_resumes_behind_the_batches_that_were_taken(tmp_path):
    class Save(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if batch_idx == 3:
                trainer.save_checkpoint(tmp_path / "a.ckpt")

    whole = Taking(2)
    trainer(tmp_path, Save()).fit(whole, batches(8), batches(2))
    resumed = Taking(2)
    trainer(tmp_path).fit(resumed, batches(8), batches(2), ckpt_path=tmp_path / "a.ckpt")
    assert resumed.taken == whole.taken[4:]
    assert torch.equal(resumed.layer.weight, whole.layer.weight)


@pytest.mark.parametrize("length", [True, False])
def test_a_run_that_is_resumed_behind_the_last_batch_of_an_epoch_begins_none(tmp_path, length):
    class SaveAtTheLast(L.Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.is_last_batch and trainer.current_epoch == 0:
                trainer.save_checkpoint(tmp_path / "a.ckpt")

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(torch.arange(6.0).reshape(3, 2))

    def fit(*callbacks, **how):
        loader = batches(3) if length else torch.utils.data.DataLoader(Stream())
        trainer(tmp_path, *callbacks, max_epochs=2).fit(Taking(), loader, batches(1), **how)

    whole, rest = Seen(), Seen()
    fit(whole, SaveAtTheLast())
    fit(rest, ckpt_path=tmp_path / "a.ckpt")
    assert [line[0] for line in rest.lines] == ["start", "end"] * 3
    assert rest.lines[1:] == whole.lines[7:]


def test_a_mean_over_the_epoch_needs_the_batch_size(tmp_path):
    class Logs(Taking):
        def training_step(self, dataloader_iter):
            loss = self.take(dataloader_iter)
            self.log("weighed", loss, on_epoch=True, batch_size=3)
            self.log("alone", loss)
            with pytest.raises(LogError, match=r"from dataloader_iter itself.* Say it"):
                self.log("loss", loss, on_epoch=True)
            return loss

    run = trainer(tmp_path)
    run.fit(Logs(), batches(2), batches(1))
    assert {"weighed_epoch", "alone"} <= run.callback_metrics.keys()


def test_a_step_is_given_nothing_else(tmp_path):
    class More(Taking):
        def training_step(self, dataloader_iter, batch_idx):
            pass

    with pytest.raises(ModuleError, match="but it wants batch_idx"):
        trainer(tmp_path).fit(More(), batches(1), batches(1))


def test_a_hook_of_the_transfer_that_is_not_called_is_reported(tmp_path):
    class Moves(Taking):
        def on_after_batch_transfer(self, batch, dataloader_idx):
            raise AssertionError

    with pytest.warns(LeydenWarning, match=r"on_after_batch_transfer\(\) is not called: predict_step\(\) takes"):
        trainer(tmp_path).predict(Moves(), batches(1))
