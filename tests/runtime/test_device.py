from __future__ import annotations

import pytest
import torch

from leyden.errors import SettingsError
from leyden.runtime import device
from leyden.runtime.device import resolve_devices


@pytest.fixture
def machine(monkeypatch):
    """A machine that has the accelerators it is told to have, and so many CUDA devices."""

    def has(*kinds, count=2):
        monkeypatch.setattr(device, "AVAILABLE", {kind: lambda kind=kind: kind in kinds for kind in device.AVAILABLE})
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return has


@pytest.mark.parametrize("devices", ["auto", 1, "1", [0]])
def test_the_cpu_is_one_device_unless_more_processes_are_asked_for(devices):
    assert resolve_devices("cpu", devices) == (torch.device("cpu"),)
    assert resolve_devices("cpu", 3) == resolve_devices("cpu", "3") == (torch.device("cpu"),) * 3


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
    assert resolve_devices(accelerator, "auto") == (torch.device(chosen),)


@pytest.mark.parametrize(
    ("devices", "indices"),
    [
        *[("auto", [0]), (1, [0]), ("1", [0]), ([0], [0]), ([1], [1]), ((1,), [1]), ("1,", [1])],
        *[(2, [0, 1]), ("2", [0, 1]), (-1, [0, 1, 2]), ("-1", [0, 1, 2]), ([2, 0], [2, 0]), ("0, 2", [0, 2])],
    ],
)
def test_gpus_are_counted_or_chosen(machine, devices, indices):
    machine("cuda", count=3)
    assert resolve_devices("cuda", devices) == tuple(torch.device("cuda", index) for index in indices)


def test_every_gpu_is_taken_where_a_strategy_for_several_is_asked_for(machine):
    machine("cuda", "cpu", count=2)
    assert resolve_devices("gpu", "auto", every=True) == (torch.device("cuda", 0), torch.device("cuda", 1))
    assert resolve_devices("gpu", 1, every=True) == (torch.device("cuda", 0),)
    assert resolve_devices("cpu", "auto", every=True) == (torch.device("cpu"),)


@pytest.mark.parametrize("accelerator", ["tpu", "CPU", "", None, 3, ["cpu"]])
def test_an_unknown_accelerator_is_refused_with_those_that_are_known(accelerator):
    with pytest.raises(SettingsError) as caught:
        resolve_devices(accelerator, "auto")
    assert str(caught.value).startswith(f"accelerator={accelerator!r} is unknown. Use one of 'auto', 'gpu'")


@pytest.mark.parametrize("accelerator", ["gpu", "cuda", "mps"])
def test_an_accelerator_that_the_machine_lacks_is_refused_with_what_works(machine, accelerator):
    machine("cpu")
    with pytest.raises(SettingsError, match=rf"accelerator='{accelerator}', but .* accelerator='auto'"):
        resolve_devices(accelerator, "auto")


@pytest.mark.parametrize("devices", [0, -1, "all", [], [0, 1], [1], 1.5, None, True, "0,1"])
def test_processes_of_a_cpu_are_a_number_from_one(devices):
    with pytest.raises(SettingsError) as caught:
        resolve_devices("cpu", devices)
    assert str(caught.value) == f"devices={devices!r}, but on a CPU it is a number of processes. Use 1 or more."


@pytest.mark.parametrize("devices", ["all", ",", 0, [], ["0"], [True], True, None, 1.5, -2, "0;1"])
def test_what_names_no_gpu_is_refused_by_its_value(machine, devices):
    machine("cuda")
    with pytest.raises(SettingsError) as caught:
        resolve_devices("cuda", devices)
    assert str(caught.value).startswith(f"devices={devices!r} names no devices. Use ")


def test_a_gpu_is_named_once(machine):
    machine("cuda")
    with pytest.raises(SettingsError, match=r"devices=\[1, 1\] names a device twice"):
        resolve_devices("cuda", [1, 1])


@pytest.mark.parametrize(("devices", "absent"), [([2], "[2]"), ([-1], "[-1]"), (3, "[2]"), ("0,4", "[4]")])
def test_a_gpu_that_is_not_there_is_refused_with_how_many_there_are(machine, devices, absent):
    machine("cuda", count=2)
    with pytest.raises(SettingsError) as caught:
        resolve_devices("cuda", devices)
    assert f"devices={devices!r} asks for {absent}, but this machine has 2 such devices" in str(caught.value)
