"""What programs ask a trainer's precision plugin."""

from __future__ import annotations

import pytest
from torch.amp.grad_scaler import GradScaler

from leyden.runtime.precision import PRECISIONS
from leyden.strategies.precision import DoublePrecision, HalfPrecision, MixedPrecision, Precision, plugin_of
from leyden.trainer import Trainer


@pytest.mark.parametrize("name", PRECISIONS)
def test_each_precision_has_the_class_that_programs_compare_with(name):
    kinds = {"32-true": Precision, "64-true": DoublePrecision}
    kind = kinds.get(name, MixedPrecision if name.endswith("mixed") else HalfPrecision)
    plugin = plugin_of(PRECISIONS[name], "cpu")
    assert (type(plugin), plugin.precision) == (kind, name)


def test_a_plugin_of_mixed_precision_shows_the_scaler_in_use(monkeypatch):
    trainer = Trainer(accelerator="cpu", precision="bf16-mixed", barebones=True)
    plugin = trainer.precision_plugin
    assert plugin.scaler is None
    monkeypatch.setattr(Trainer, "scaler", GradScaler("cpu"))
    assert trainer.precision_plugin is plugin
    assert plugin.scaler is Trainer.scaler
    Trainer(accelerator="cpu", plugins=plugin, barebones=True)  # it was not given with the plugin


def test_a_trainer_tells_its_precision():
    trainer = Trainer(accelerator="cpu", precision="bf16-mixed", barebones=True)
    assert isinstance(trainer.precision_plugin, MixedPrecision)
    assert (trainer.precision_plugin.precision, trainer.precision_plugin.scaler) == ("bf16-mixed", None)
