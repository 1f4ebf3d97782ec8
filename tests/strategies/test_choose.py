"""Strategy and accelerator as objects, and whether they agree."""

from __future__ import annotations

import pytest
import torch

from leyden.errors import SettingsError
from leyden.strategies import CPUAccelerator, CUDAAccelerator, SingleDeviceStrategy
from leyden.strategies.choose import hardware_named, strategy_for
from leyden.trainer import Trainer

QUIET = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("accelerator", "devices", "strategy", "named"),
    [
        ("auto", "auto", "auto", ("auto", "auto")),
        (CPUAccelerator(), 1, "auto", ("cpu", 1)),
        (CUDAAccelerator(), [1], "auto", ("cuda", [1])),
        ("auto", "auto", SingleDeviceStrategy("cuda:1"), ("cuda", [1])),
        ("cuda", "auto", SingleDeviceStrategy("cuda:1"), ("cuda", [1])),
        ("auto", 1, SingleDeviceStrategy("cpu"), ("cpu", 1)),
        ("cpu", "auto", SingleDeviceStrategy("cuda:1"), ("cpu", "auto")),
    ],
)
def test_what_is_left_open_is_filled_in_from_the_strategy(accelerator, devices, strategy, named):
    assert hardware_named(accelerator, devices, strategy) == named


def test_the_objects_given_are_the_ones_shown():
    accelerator, strategy = CPUAccelerator(), SingleDeviceStrategy("cpu")
    trainer = Trainer(accelerator=accelerator, strategy=strategy, **QUIET)
    assert trainer.strategy is strategy
    assert trainer.accelerator is strategy.accelerator is accelerator


def test_a_strategy_that_computes_elsewhere_is_refused():
    for device in ("meta", "cuda:0"):
        with pytest.raises(SettingsError, match=f"device='{device}'.* ask for cpu"):
            Trainer(accelerator="cpu", strategy=SingleDeviceStrategy(device), **QUIET)
    assert strategy_for(SingleDeviceStrategy("cuda"), "gpu", torch.device("cuda:0")).root_device.type == "cuda"


class Mine(CPUAccelerator):
    def setup_device(self, device):
        raise AssertionError("never called")


def test_an_accelerator_that_would_not_be_called_is_refused():
    with pytest.raises(SettingsError, match="no accelerator of a program's own"):
        Trainer(accelerator=Mine(), **QUIET)


@pytest.mark.parametrize("accelerator", [CPUAccelerator, "tpu", None, 3], ids=str)
def test_what_is_no_accelerator_is_refused(accelerator):
    with pytest.raises(ValueError, match="accelerator="):
        Trainer(accelerator=accelerator, **QUIET)
