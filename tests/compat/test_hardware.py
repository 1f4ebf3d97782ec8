"""What programs look up about hardware besides the Trainer."""

from __future__ import annotations

import pytest
import torch

from leyden.compat.hardware import ACCELERATOR_TYPES, STRATEGIES, find_usable_cuda_devices
from leyden.core.warnings import LeydenWarning
from leyden.errors import SettingsError
from leyden.strategies import CPUAccelerator, DDPStrategy, SingleDeviceStrategy


def test_the_strategies_are_listed_by_name():
    assert {"ddp", "ddp_spawn", "single_device"} <= {*STRATEGIES.available_strategies()}
    assert len(STRATEGIES) == len([*STRATEGIES])
    assert STRATEGIES["ddp_fork"]["init_params"] == {"start_method": "fork"}
    assert STRATEGIES["single_device"]["strategy"] is SingleDeviceStrategy
    made = STRATEGIES.get("ddp_spawn_find_unused_parameters_true")
    assert type(made) is DDPStrategy
    assert (made.start_method, made.ddp_kwargs) == ("spawn", {"find_unused_parameters": True})
    assert STRATEGIES.get("other", "left") == "left"
    with pytest.raises(KeyError):
        STRATEGIES.get("other")
    assert "single_device" in str(STRATEGIES)


def test_the_accelerators_are_listed_by_name():
    assert ACCELERATOR_TYPES.available_accelerators() == {"cpu", "cuda", "mps"}
    assert len(ACCELERATOR_TYPES) == 3
    assert ACCELERATOR_TYPES["cpu"]["accelerator"] is CPUAccelerator
    assert type(ACCELERATOR_TYPES.get("cpu")) is CPUAccelerator
    assert ACCELERATOR_TYPES.get("tpu", 1) == 1


def test_nothing_is_registered_and_the_program_that_tries_is_told():
    with pytest.warns(LeydenWarning, match="'mine' was to be registered"):

        @STRATEGIES.register("mine", description="my own")
        class Mine(DDPStrategy):
            pass

    with pytest.warns(LeydenWarning, match="Give the Trainer an object"):
        assert STRATEGIES.register("mine", Mine, description="my own") is Mine
    assert "mine" not in STRATEGIES
    assert issubclass(Mine, DDPStrategy)


def test_the_gpus_that_can_be_used_are_found_in_order(monkeypatch):
    busy = {1}

    def zeros(_, device):
        if device.index in busy:
            raise RuntimeError("busy")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch, "zeros", zeros)
    assert find_usable_cuda_devices() == [0, 2]
    assert find_usable_cuda_devices(1) == [0]
    assert find_usable_cuda_devices(2) == [0, 2]
    assert find_usable_cuda_devices(0) == []
    with pytest.raises(RuntimeError, match=r"only the CUDA devices \[0, 2\]"):
        find_usable_cuda_devices(3)
    with pytest.raises(SettingsError, match="PyTorch sees 3"):
        find_usable_cuda_devices(4)


def test_no_gpu_at_all_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="num_devices=-1, but PyTorch sees 0"):
        find_usable_cuda_devices()
