"""What programs read of Lightning's private connector."""

from __future__ import annotations

import pytest
import torch

from leyden.errors import SettingsError
from leyden.strategies import CPUAccelerator, CUDAAccelerator, SingleDeviceStrategy
from leyden.strategies.connector import AcceleratorConnector
from leyden.trainer import Trainer


@pytest.mark.parametrize(
    ("accelerator", "devices", "flags"),
    [
        ("auto", "auto", ("cuda", [0], False)),
        ("gpu", 1, ("cuda", [0], False)),
        ("cuda", [1], ("cuda", [1], False)),
        ("cuda", "1,", ("cuda", [1], False)),
        ("cuda", -1, ("cuda", [0, 1], True)),
        ("cpu", "2", ("cpu", 2, True)),
        ("cpu", "auto", ("cpu", 1, False)),
    ],
)
def test_a_connector_tells_what_accelerator_and_devices_come_to(monkeypatch, accelerator, devices, flags):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    connector = AcceleratorConnector(accelerator=accelerator, devices=devices)
    assert (connector._accelerator_flag, connector._devices_flag, connector.is_distributed) == flags
    assert type(connector.accelerator) is (CPUAccelerator if flags[0] == "cpu" else CUDAAccelerator)
    assert len(connector._parallel_devices) == (flags[1] if flags[0] == "cpu" else len(flags[1]))


def test_a_connector_refuses_what_a_trainer_refuses():
    with pytest.raises(SettingsError, match="accelerator='tpu' is unknown"):
        AcceleratorConnector(accelerator="tpu", precision="32")


def test_a_trainer_has_one_of_its_own_strategy():
    trainer = Trainer(accelerator="cpu", devices=2, num_nodes=2, use_distributed_sampler=False, barebones=True)
    connector = trainer._accelerator_connector
    assert connector.strategy is trainer.strategy
    assert (connector.is_distributed, connector._num_nodes_flag, connector.use_distributed_sampler) == (True, 2, False)
    connector = Trainer(strategy=SingleDeviceStrategy("cpu"), barebones=True)._accelerator_connector
    assert (connector.is_distributed, connector._devices_flag, connector.use_distributed_sampler) == (False, 1, True)
