from __future__ import annotations

import inspect

import pytest
import torch
from tests.callbacks.scripted import Scripted, batches

import leyden as L
from leyden.callbacks.lambda_function import LambdaCallback
from leyden.core.hooks import CALLBACK_HOOKS
from leyden.errors import SettingsError

NAMES = CALLBACK_HOOKS | {"setup", "teardown", "on_save_checkpoint", "on_load_checkpoint"}


class Predicting(Scripted):
    def test_step(self, batch, batch_idx):
        pass

    def predict_step(self, batch, batch_idx):
        return 0


def trainer(*callbacks: L.Callback) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        max_epochs=1,
        callbacks=list(callbacks),
    )


def test_it_takes_a_function_for_every_hook():
    assert set(inspect.signature(LambdaCallback).parameters) == NAMES


def test_every_function_is_called_under_the_name_of_its_hook(tmp_path):
    called = set()

    def noting(name):
        return lambda *args, **kwargs: called.add(name)

    def fails(batch):
        raise RuntimeError("it fails")

    callback = LambdaCallback(**{name: noting(name) for name in NAMES})
    module, run = Predicting(val=[1.0]), trainer(callback)
    run.fit(module, batches(2), batches(1))
    run.test(module, batches(1), verbose=False)
    run.predict(module, batches(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    trainer(callback).fit(module, batches(2), batches(1), ckpt_path=tmp_path / "a.ckpt")
    module.predict_step = fails
    with pytest.raises(RuntimeError, match="it fails"):
        run.predict(module, batches(1))
    assert called == NAMES


def test_a_function_gets_the_arguments_of_its_hook():
    seen = []
    run = trainer(
        LambdaCallback(on_train_batch_start=lambda trainer, module, batch, index: seen.append((batch, index)))
    )
    run.fit(Scripted(), batches(1), batches(1))
    assert len(seen) == 1
    assert torch.equal(seen[0][0][0], torch.ones(1, 2))
    assert seen[0][1] == 0


def test_none_is_no_function():
    callback = LambdaCallback(on_train_start=None)
    assert "on_train_start" not in vars(callback)


def test_what_cannot_be_called_is_refused():
    with pytest.raises(SettingsError, match=r"LambdaCallback\(setup=3\) is a int"):
        LambdaCallback(setup=3)
    with pytest.raises(TypeError, match="on_training"):
        LambdaCallback(on_training=print)
