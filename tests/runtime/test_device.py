from __future__ import annotations

import pytest
import torch

from leyden.errors import SettingsError
from leyden.runtime import device
from leyden.runtime.device import resolve_device


@pytest.fixture
def machine(monkeypatch):
    """A machine that has the accelerators it is told to have, and so many CUDA devices."""

    def has(*kinds, count=2):
        monkeypatch.setattr(device, "AVAILABLE", {kind: lambda kind=kind: kind in kinds for kind in device.AVAILABLE})
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return has


@pytest.mark.parametrize("devices", ["auto", 1, "1", [0]])
def test_the_cpu_is_one_device(devices):
    assert resolve_device("cpu", devices) == torch.device("cpu")


@pytest.mark.parametrize(
    ("kinds", "accelerator", "chosen"),
    [
        (("cuda", "mps", "cpu"), "auto", "cuda:0"),
        (("mps", "cpu"), "auto", "mps"),
        (("cpu",), "auto", "cpu"),
        (("cuda", "cpu"), "gpu", "cuda:0"),
        (("mps", "cpu"), "gpu", "mps"),
        (("cuda", "mps", "cpu"), "mps", "mps"),
        (("cuda", "mps", "cpu"), "cuda", "cuda:0"),
        (("cuda", "mps", "cpu"), "cpu", "cpu"),
    ],
)
def test_an_accelerator_is_the_first_of_its_kind_that_the_machine_has(machine, kinds, accelerator, chosen):
    machine(*kinds)
    assert resolve_device(accelerator, "auto") == torch.device(chosen)


@pytest.mark.parametrize(
    ("devices", "index"), [("auto", 0), (1, 0), ("1", 0), ([0], 0), ([1], 1), ((1,), 1), ("1,", 1)]
)
def test_a_list_chooses_one_gpu(machine, devices, index):
    machine("cuda")
    assert resolve_device("cuda", devices) == torch.device("cuda", index)


@pytest.mark.parametrize("accelerator", ["tpu", "CPU", "", None, 3, ["cpu"]])
def test_an_unknown_accelerator_is_refused_with_those_that_are_known(accelerator):
    with pytest.raises(SettingsError) as caught:
        resolve_device(accelerator, "auto")
    assert str(caught.value).startswith(f"accelerator={accelerator!r} is unknown. Use one of 'auto', 'gpu'")


@pytest.mark.parametrize("accelerator", ["gpu", "cuda", "mps"])
def test_an_accelerator_that_the_machine_lacks_is_refused_with_what_works(machine, accelerator):
    machine("cpu")
    with pytest.raises(SettingsError, match=rf"accelerator='{accelerator}', but .* accelerator='auto'"):
        resolve_device(accelerator, "auto")


@pytest.mark.parametrize("devices", [0, 2, -1, "2", "all", [], [0, 1], [1], 1.5, None, True])
def test_another_number_of_devices_than_one_is_refused(devices):
    with pytest.raises(SettingsError) as caught:
        resolve_device("cpu", devices)
    assert str(caught.value).startswith(f"devices={devices!r}, but")
    assert "Use devices=1" in str(caught.value)


@pytest.mark.parametrize("devices", [2, "2", -1, [0, 1], "0,1", "all", ",", [], ["0"], [True]])
def test_another_number_of_gpus_than_one_is_refused(machine, devices):
    machine("cuda")
    with pytest.raises(SettingsError, match="one device"):
        resolve_device("cuda", devices)


@pytest.mark.parametrize("devices", [-1, "-1"])
def test_all_gpus_are_one_where_there_is_one(machine, devices):
    machine("cuda", count=1)
    assert resolve_device("cuda", devices) == torch.device("cuda", 0)


@pytest.mark.parametrize("index", [2, -1])
def test_a_gpu_that_is_not_there_is_refused_with_how_many_there_are(machine, index):
    machine("cuda", count=2)
    with pytest.raises(SettingsError, match=rf"devices=\[{index}\], but PyTorch sees 2 CUDA devices"):
        resolve_device("cuda", [index])
