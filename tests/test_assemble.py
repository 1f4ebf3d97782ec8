"""What a run is made of: every method that a program replaces counts, wherever it replaces it."""

from __future__ import annotations

import pytest
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.api.data_hooks import DataHooks
from leyden.assemble import overridden

REPLACEABLE = ("backward", "optimizer_step", "optimizer_zero_grad", "configure_gradient_clipping")


def test_a_method_counts_as_overridden_in_a_subclass_and_on_an_object():
    assert overridden(Tiny(), "training_step")
    assert not overridden(L.Module(), "training_step")
    assert not overridden(Tiny(), "backward")
    module = L.Module()
    module.backward = lambda loss: None
    assert overridden(module, "backward")


def test_a_method_that_is_none_is_none():
    module = Tiny()
    module.validation_step = None
    assert not overridden(module, "validation_step")


@pytest.mark.parametrize("name", REPLACEABLE)
def test_a_method_that_is_patched_into_the_base_class_is_called(tmp_path, monkeypatch, name):
    calls, original = [], getattr(L.Module, name)

    def patched(self, *args, **kwargs):
        calls.append(name)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(L.Module, name, patched)
    trainer(tmp_path).fit(Tiny(), batches(2), batches(1))
    assert calls == [name, name]


def test_a_transfer_that_is_patched_into_the_base_class_is_called(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(DataHooks, "on_after_batch_transfer", lambda self, batch, loader: calls.append(loader) or batch)
    trainer(tmp_path).fit(Tiny(), batches(2), batches(1))
    assert calls == [0, 0, 0]


def test_loaders_that_are_patched_into_the_base_class_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(DataHooks, "train_dataloader", lambda self: batches(3))
    run = trainer(tmp_path, limit_val_batches=0)
    run.fit(Tiny())
    assert run.global_step == 3
