"""Weights that are not finite never take the place of a checkpoint that is good."""

from __future__ import annotations

import pytest
import torch
from tests.callbacks.scripted import Scripted, saver, train

from leyden.callbacks import Callback, OnExceptionCheckpoint
from leyden.checkpoint.load import load
from leyden.core.warnings import LeydenWarning


class Spoil(Callback):
    """Makes a weight infinite after so many steps."""

    def __init__(self, step: int, name: str = "layer.weight") -> None:
        self.step, self.name = step, name

    def on_train_batch_end(self, trainer, pl_module, *_):
        if trainer.global_step == self.step:
            with torch.no_grad():
                pl_module.get_parameter(self.name).view(-1)[0] = float("inf")


def all_finite(path):
    return all(tensor.isfinite().all() for tensor in load(path)["state_dict"].values() if tensor.is_floating_point())


@pytest.mark.parametrize("how", [{}, {"every_n_train_steps": 1}, {"monitor": "val"}, {"save_top_k": -1}])
def test_the_checkpoints_before_stay_and_no_other_is_written(how, tmp_path):
    checkpoint = saver(tmp_path, save_last=True, **how)
    with pytest.warns(LeydenWarning, match=r"the weight 'layer\.weight'.* is not finite, so no checkpoint is saved"):
        train(tmp_path, Scripted([3.0, 2.0, 1.0]), Spoil(6), checkpoint)
    found = sorted(tmp_path.rglob("*.ckpt"))
    assert found
    assert all(all_finite(path) for path in found)
    assert load(checkpoint.last_model_path)["global_step"] < 6


def test_a_run_whose_weights_were_never_finite_saves_nothing(tmp_path):
    with pytest.warns(LeydenWarning, match="no checkpoint is saved"):
        train(tmp_path, Scripted(), Spoil(1), saver(tmp_path, save_last=True))
    assert not list(tmp_path.rglob("*.ckpt"))


def test_neither_is_one_saved_on_an_exception(tmp_path):
    callbacks = saver(tmp_path / "a", save_on_exception=True), OnExceptionCheckpoint(tmp_path / "b")
    with pytest.warns(LeydenWarning, match="not finite"), pytest.raises(RuntimeError, match="it fails"):
        train(tmp_path, Scripted(fails_at=3), Spoil(2), *callbacks)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_infinities_in_frozen_weights_and_buffers_are_meant(tmp_path):
    module = Scripted()
    module.register_buffer("mask", torch.full((2,), float("-inf")))
    module.layer.bias.requires_grad_(False).fill_(float("inf"))
    module.layer.bias.data.fill_(0.0)
    train(tmp_path, module, saver(tmp_path), max_epochs=1)
    assert list(tmp_path.rglob("*.ckpt"))


def test_what_the_program_saves_itself_is_written_as_it_is(tmp_path):
    trainer = train(tmp_path, Scripted(), Spoil(2), max_epochs=1)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    assert not all_finite(tmp_path / "a.ckpt")
