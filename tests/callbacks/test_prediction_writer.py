from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import leyden as L
from leyden.callbacks.prediction_writer import BasePredictionWriter, WriteInterval
from leyden.errors import SettingsError


class Doubled(L.Module):
    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        return (2 * batch[0]).tolist()


class Writer(BasePredictionWriter):
    """Writes to a list."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.written: list[Any] = []

    def write_on_batch_end(self, trainer, pl_module, prediction, batch_indices, batch, batch_idx, dataloader_idx):
        self.written.append((prediction, batch_indices, len(batch[0]), batch_idx, dataloader_idx))

    def write_on_epoch_end(self, trainer, pl_module, predictions, batch_indices):
        self.written.append((predictions, batch_indices))


def loader(samples: int, **settings: Any) -> DataLoader[Any]:
    return DataLoader(TensorDataset(torch.arange(samples)), **({"batch_size": 2} | settings))


def predict(writer: BasePredictionWriter, loaders: Any, **arguments: Any) -> tuple[L.Trainer, Any]:
    trainer = L.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, callbacks=[writer]
    )
    return trainer, trainer.predict(Doubled(), loaders, **arguments)


def test_each_batch_is_written_with_the_places_of_its_samples():
    writer = Writer("batch")
    _, answer = predict(writer, loader(3))
    assert writer.written == [([0, 2], [0, 1], 2, 0, 0), ([4], [2], 1, 1, 0)]
    assert answer == [[0, 2], [4]]


def test_an_epoch_is_written_at_once():
    writer = Writer("epoch")
    predict(writer, loader(3))
    assert writer.written == [([[0, 2], [4]], [[[0, 1], [2]]])]


def test_both_may_be_written():
    writer = Writer("batch_and_epoch")
    predict(writer, loader(2))
    assert writer.written == [([0, 2], [0, 1], 2, 0, 0), ([[0, 2]], [[[0, 1]]])]


def test_several_loaders_are_written_under_their_numbers():
    writer = Writer("batch_and_epoch")
    predict(writer, [loader(1), loader(2)])
    assert writer.written == [
        ([0], [0], 1, 0, 0),
        ([0, 2], [0, 1], 2, 0, 1),
        ([[[0]], [[0, 2]]], [[[0]], [[0, 1]]]),
    ]


def test_an_epoch_is_written_though_nobody_wants_the_predictions_back():
    writer = Writer("epoch")
    _, answer = predict(writer, loader(2), return_predictions=False)
    assert answer is None
    assert writer.written == [([[0, 2]], [[[0, 1]]])]


def test_nothing_is_kept_where_batches_are_written_and_nobody_wants_them_back():
    writer = Writer("batch")
    trainer, _ = predict(writer, loader(5), return_predictions=False)
    assert len(writer.written) == 3
    assert (trainer.predict_loop.predictions, trainer.predict_loop.epoch_batch_indices) == ([], [[]])


def test_a_prediction_is_made_for_every_sample():
    writer = Writer()
    trainer, answer = predict(writer, loader(5, drop_last=True))
    assert answer == [[0, 2], [4, 6], [8]]
    assert trainer.num_predict_batches == [3]


def test_a_loader_that_tells_no_samples_gives_none():
    writer = Writer("batch_and_epoch")
    predict(writer, DataLoader([(torch.ones(2),)], batch_size=None))
    assert writer.written == [([2.0, 2.0], [], 2, 0, 0), ([[2.0, 2.0]], [[]])]


def test_without_a_writer_the_predictions_can_be_read_and_no_samples_are_noted():
    seen = []

    class Look(L.Callback):
        def on_predict_epoch_end(self, trainer, pl_module):
            loop = trainer.predict_loop
            seen.append((loop.predictions, loop.epoch_batch_indices, loop.current_batch_indices))

    predict(Look(), loader(2))
    assert seen == [([[0, 2]], [], [])]


def test_before_a_prediction_there_is_nothing_to_read():
    loop = L.Trainer(accelerator="cpu", logger=False).predict_loop
    assert (loop.predictions, loop.epoch_batch_indices, loop.current_batch_indices) == ([], [], [])


def test_a_writer_without_its_method_says_which():
    class Empty(BasePredictionWriter):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty writes at interval 'batch' and has no write_on_batch_end"):
        predict(Empty(), loader(1))
    with pytest.raises(NotImplementedError, match=r"Empty writes at interval 'epoch' and has no write_on_epoch_end"):
        predict(Empty("epoch"), loader(1))


def test_an_interval_is_an_enum_that_reads_as_text():
    assert Writer("epoch").interval is WriteInterval.EPOCH == "epoch"
    assert [(i.on_batch, i.on_epoch) for i in WriteInterval] == [(True, False), (False, True), (True, True)]


@pytest.mark.parametrize("interval", ["step", None, 1])
def test_an_unknown_interval_is_refused(interval):
    with pytest.raises(SettingsError, match=r"Writer\(write_interval=.*'batch', 'epoch' or 'batch_and_epoch'"):
        Writer(interval)
