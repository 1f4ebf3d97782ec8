from __future__ import annotations

import pytest
import torch
from tests.tiny import Tiny, batches, trainer

import leyden as L


class Numbering(Tiny):
    """Predicts the number of the batch, and of its loader."""

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        return dataloader_idx, batch_idx


@pytest.mark.parametrize(
    ("loaders", "predictions"),
    [
        (lambda: batches(2), [(0, 0), (0, 1)]),
        (lambda: [batches(2)], [(0, 0), (0, 1)]),
        (lambda: [batches(1), batches(2)], [[(0, 0)], [(1, 0), (1, 1)]]),
        (lambda: {"a": batches(1), "b": batches(1)}, [[(0, 0)], [(1, 0)]]),
    ],
)
def test_predictions_are_a_list_and_a_list_of_lists_for_several_loaders(tmp_path, loaders, predictions):
    assert trainer(tmp_path).predict(Numbering(), loaders()) == predictions


def test_predictions_are_not_kept_where_nobody_wants_them(tmp_path):
    class Listening(L.Callback):
        def on_predict_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
            heard.append(outputs)

    heard = []
    assert trainer(tmp_path, Listening()).predict(Numbering(), batches(2), return_predictions=False) is None
    assert heard == [(0, 0), (0, 1)]


def test_without_a_step_of_its_own_the_model_is_called(tmp_path):
    module = Tiny()
    (prediction,) = trainer(tmp_path).predict(module, batches(1))
    with torch.no_grad():
        assert torch.equal(prediction, module(torch.tensor([[0.0, 1.0]])))


def test_prediction_runs_in_evaluation_and_inference_mode(tmp_path):
    class Noting(Tiny):
        def predict_step(self, batch, batch_idx):
            return self.training, torch.is_inference_mode_enabled()

    module = Noting()
    assert trainer(tmp_path).predict(module, batches(1)) == [(False, True)]
    assert trainer(tmp_path, inference_mode=False).predict(module, batches(1)) == [(False, False)]
    assert module.training


def test_a_limit_counts_batches(tmp_path):
    assert trainer(tmp_path, limit_predict_batches=1).predict(Numbering(), batches(3)) == [(0, 0)]
    assert trainer(tmp_path, limit_predict_batches=0).predict(Numbering(), batches(3)) is None
