"""Kinds of hardware, and which devices an argument means."""

from __future__ import annotations

import pytest
import torch

from leyden.errors import SettingsError
from leyden.strategies.accelerator import ACCELERATORS, CPUAccelerator, CUDAAccelerator, MPSAccelerator


@pytest.fixture
def three_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)


@pytest.mark.parametrize(("given", "count"), [(1, 1), ("2", 2), (4, 4)])
def test_devices_of_a_cpu_are_processes(given, count):
    assert CPUAccelerator.parse_devices(given) == count
    assert CPUAccelerator.get_parallel_devices(given) == [torch.device("cpu")] * count


@pytest.mark.parametrize("given", [0, -1, "auto", None, 1.5, True, [0]])
def test_devices_of_a_cpu_cannot_be_chosen(given):
    with pytest.raises(TypeError, match="number of processes"):
        CPUAccelerator.parse_devices(given)


@pytest.mark.usefixtures("three_gpus")
@pytest.mark.parametrize(
    ("given", "indices"),
    [
        (2, [0, 1]),
        ("1", [0]),
        ("0,2", [0, 2]),
        ([1], [1]),
        ((0, 2), [0, 2]),
        (-1, [0, 1, 2]),
        ("-1", [0, 1, 2]),
        (0, None),
        ([], None),
    ],
)
def test_gpus_are_counted_or_chosen(given, indices):
    assert CUDAAccelerator.parse_devices(given) == indices


@pytest.mark.usefixtures("three_gpus")
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([5], r"asks for \[5\]"),
        (4, "this machine has 3"),
        ([0, 0], "twice"),
        ("auto", "names no devices"),
        (None, "names no devices"),
        (True, "names no devices"),
        ([0, "1"], "names no devices"),
        (-2, "names no devices"),
        ("0;1", "names no devices"),
    ],
)
def test_gpus_that_are_not_there_are_an_error(given, words):
    with pytest.raises(SettingsError, match=words):
        CUDAAccelerator.parse_devices(given)


@pytest.mark.usefixtures("three_gpus")
def test_torch_is_asked_at_the_call_what_is_there():
    assert CUDAAccelerator.is_available()
    assert CUDAAccelerator.auto_device_count() == 3
    assert CUDAAccelerator.get_parallel_devices([0, 2]) == [torch.device("cuda:0"), torch.device("cuda:2")]


def test_a_kind_takes_devices_of_its_own_only():
    CPUAccelerator().setup_device(torch.device("cpu"))
    for accelerator in (CPUAccelerator(), MPSAccelerator()):
        with pytest.raises(SettingsError, match=f"of type '{accelerator.name()}'"):
            accelerator.setup_device(torch.device("cuda"))


def test_each_kind_is_found_by_its_name():
    assert {name: kind.name() for name, kind in ACCELERATORS.items()} == {name: name for name in ACCELERATORS}


def test_a_processor_is_always_there():
    assert CPUAccelerator.is_available()
    assert CPUAccelerator.auto_device_count() == 1
    assert CPUAccelerator().get_device_stats("cpu") == {}


def test_a_gpu_is_made_the_current_one_and_left_with_its_memory_freed(monkeypatch):
    calls = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: calls.append(str(device)))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("freed"))
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda device: {"of": device})
    accelerator = CUDAAccelerator()
    accelerator.setup_device(torch.device("cuda", 1))
    accelerator.teardown()
    assert calls == ["cuda:1", "freed"]
    assert accelerator.get_device_stats(1) == {"of": 1}


def test_an_apple_computer_has_one_gpu(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert MPSAccelerator.is_available()
    assert MPSAccelerator.auto_device_count() == 1
    assert MPSAccelerator.parse_devices("1") == [0]
    assert MPSAccelerator.get_parallel_devices(1) == [torch.device("mps", 0)]
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="this machine has 0"):
        MPSAccelerator.parse_devices(1)
