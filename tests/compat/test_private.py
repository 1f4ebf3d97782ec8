from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
import torch
from tests.tiny import Tiny, batches, trainer

import leyden as L
from leyden.compat import private
from leyden.errors import SettingsError, UsageError


@pytest.mark.parametrize("devices", [1, "1", [0, 1], (0,), []])
def test_a_choice_of_devices_is_a_number_text_or_a_list(devices):
    private.check_data_type(devices)


@pytest.mark.parametrize("devices", [None, True, 1.0, [True], ["0"], [1.0], {0}])
def test_any_other_choice_of_devices_is_refused(devices):
    with pytest.raises(SettingsError, match="has no meaning"):
        private.check_data_type(devices)
    with pytest.raises(TypeError):
        private.check_data_type(devices)


def test_a_device_is_named_once():
    private.check_unique([0, 1])
    with pytest.raises(UsageError, match=r"devices=\[0, 1, 1\] names 1 more than once"):
        private.check_unique([0, 1, 1])


@pytest.mark.parametrize(
    ("text", "devices"),
    [("0,1", [0, 1]), (" 0, 1 ", [0, 1]), ("-1", -1), ("3", 3), ("3,", [3]), (3, 3), ([0, 1], [0, 1])],
)
def test_text_means_a_number_of_devices_or_a_list_of_them(text, devices):
    assert private.devices_of_text(text) == devices


def test_the_device_of_a_run_is_logged(caplog):
    with caplog.at_level(logging.INFO, logger="leyden"):
        private.log_device_info(SimpleNamespace(root_device=torch.device("cpu")))
    assert caplog.messages == ["This run computes on cpu."]


def test_a_class_is_loaded_as_by_its_own_method(tmp_path):
    class Data(L.DataModule):
        def state_dict(self):
            return {"a": 1}

        def load_state_dict(self, state):
            self.state = state

    model, run = Tiny(), trainer(tmp_path)
    run.fit(model, batches(1), batches(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    loaded = private.load_from_checkpoint(Tiny, tmp_path / "a.ckpt", None, None, True)
    assert torch.equal(loaded.layer.weight, model.layer.weight)
    assert isinstance(private.load_from_checkpoint(Data, tmp_path / "a.ckpt"), Data)
    with pytest.raises(SettingsError, match="no class of modules"):
        private.load_from_checkpoint(dict, tmp_path / "a.ckpt")
