"""Modules made where and as a run needs them."""

from __future__ import annotations

import pytest
import torch
from tests.tiny import Tiny
from torch import nn

import leyden as L
from leyden.runtime.creation import created_on

CPU = torch.device("cpu")


def test_a_module_is_made_on_the_device_in_the_type():
    with created_on(torch.device("meta"), torch.float64, empty=False):
        weight = nn.Linear(2, 2).weight
    assert (weight.device.type, weight.dtype) == ("meta", torch.float64)
    assert (nn.Linear(2, 2).weight.device, nn.Linear(2, 2).weight.dtype) == (CPU, torch.float32)


def test_the_type_is_put_back_after_an_error_too():
    with pytest.raises(ValueError, match="mine"), created_on(CPU, torch.bfloat16, empty=False):
        raise ValueError("mine")
    assert torch.get_default_dtype() == torch.float32


def test_initial_values_are_those_of_an_ordinary_module_unless_none_are_wanted():
    torch.manual_seed(0)
    ordinary = nn.Linear(3, 3).weight
    torch.manual_seed(0)
    with created_on(CPU, torch.float32, empty=False):
        assert torch.equal(nn.Linear(3, 3).weight, ordinary)
    before = torch.get_rng_state()
    with created_on(CPU, torch.float32, empty=True):
        nn.Linear(3, 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_trainer_makes_modules_as_it_will_run_them():
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with L.Trainer(accelerator="cpu", precision="64-true", **quiet).init_module():
        model = Tiny()
    assert (model.layer.weight.dtype, model.dtype, model.device) == (torch.float64, torch.float64, CPU)
    trainer = L.Trainer(accelerator="cpu", **quiet)
    before = torch.get_rng_state()
    with trainer.init_module(empty_init=True):
        Tiny()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_module_made_for_loading_later_can_still_move():
    with torch.device("meta"):
        model = Tiny()
    assert model.to_empty(device="cpu").device == CPU
