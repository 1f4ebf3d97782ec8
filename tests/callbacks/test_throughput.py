from __future__ import annotations

import pytest
import torch

from leyden.callbacks.throughput import Throughput, get_available_flops
from leyden.core.warnings import LeydenWarning
from leyden.errors import LogError, SettingsError


def test_totals_are_there_at_once_and_rates_when_the_window_is_full():
    throughput = Throughput(window_size=3)
    assert throughput.compute() == {}
    throughput.update(time=1, batches=1, samples=4, lengths=8)
    throughput.update(time=2, batches=2, samples=8, lengths=16)
    assert throughput.compute() == {"time": 2, "batches": 2, "samples": 8, "lengths": 16}
    throughput.update(time=5, batches=3, samples=12, lengths=24)
    rates = {"device/batches_per_sec": 0.5, "device/samples_per_sec": 2.0, "device/items_per_sec": 4.0}
    assert throughput.compute() == {"time": 5, "batches": 3, "samples": 12, "lengths": 24} | rates
    throughput.reset()
    assert throughput.compute() == {}


def test_operations_are_those_since_the_first_update_of_the_window():
    throughput = Throughput(available_flops=50, window_size=2, separator="|")
    for time in (1, 2, 3):
        throughput.update(time=time, batches=time, samples=time, flops=10 * time)
    metrics = throughput.compute()
    assert metrics["device|flops_per_sec"] == 30
    assert metrics["device|mfu"] == 0.6


def test_several_devices_have_a_sum():
    throughput = Throughput(window_size=2, world_size=4)
    for time in (1, 2):
        throughput.update(time=time, batches=time, samples=time, flops=3)
    metrics = throughput.compute()
    assert (metrics["batches_per_sec"], metrics["device/batches_per_sec"]) == (4, 1)
    assert (metrics["flops_per_sec"], metrics["device/flops_per_sec"]) == (12, 3)


@pytest.mark.parametrize(
    ("update", "text"),
    [
        ({"time": 1, "batches": 2, "samples": 8, "lengths": 16}, "time=1 does not come after 1"),
        ({"time": 2, "batches": 1, "samples": 8, "lengths": 16}, "batches=1"),
        ({"time": 2, "batches": 2, "samples": 4, "lengths": 16}, "samples=4"),
        ({"time": 2, "batches": 2, "samples": 8, "lengths": 8}, "lengths=8"),
        ({"time": 2, "batches": 2, "samples": 8}, "once without"),
        ({"time": 2, "batches": 9, "samples": 8, "lengths": 16}, "9 batches of 8 samples"),
        ({"time": 2, "batches": 2, "samples": 8, "lengths": 7}, "7 items"),
    ],
)
def test_an_update_that_cannot_be_is_refused(update, text):
    throughput = Throughput()
    throughput.update(time=1, batches=1, samples=4, lengths=8)
    with pytest.raises(LogError, match=text):
        throughput.update(**update)
    assert throughput.compute()["time"] == 1


@pytest.mark.parametrize("arguments", [{"window_size": 1}, {"world_size": 0}])
def test_an_argument_without_a_meaning_is_refused(arguments):
    with pytest.raises(SettingsError, match=next(iter(arguments))):
        Throughput(**arguments)


@pytest.mark.parametrize(
    ("name", "dtype", "peak"),
    [
        ("NVIDIA H100 PCIe", torch.bfloat16, 756e12),
        ("NVIDIA H100 80GB HBM3", torch.bfloat16, 989e12),
        ("NVIDIA A100-SXM4-40GB", torch.float32, 19.5e12),
        ("NVIDIA L40S", torch.float16, 362e12),
        ("Tesla T4", torch.float16, 65e12),
    ],
)
def test_what_a_device_can_do_is_looked_up_by_its_name(name, dtype, peak, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: name)
    assert get_available_flops(torch.device("cuda"), dtype) == peak


@pytest.mark.parametrize(("name", "dtype"), [("Tesla T4", torch.bfloat16), ("Own Device", torch.float32)])
def test_an_unknown_device_or_format_is_told(name, dtype, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: name)
    with pytest.warns(LeydenWarning, match=f"{name} can do in {dtype} is not known"):
        assert get_available_flops(torch.device("cuda"), dtype) is None


def test_a_processor_has_no_peak():
    assert get_available_flops(torch.device("cpu"), torch.float32) is None
