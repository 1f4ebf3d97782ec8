"""Small helpers under Lightning's names."""

from __future__ import annotations

import os
import warnings
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from leyden.api.callback import Callback
from leyden.api.datamodule import DataModule
from leyden.compat.boring import BoringModel, RandomDataset, RandomIterableDataset
from leyden.compat.utilities import (
    GradClipAlgorithmType,
    disable_possible_user_warnings,
    get_filesystem,
    has_iterable_dataset,
    is_overridden,
    measure_flops,
    move_data_to_device,
    suggested_max_num_workers,
)
from leyden.core.warnings import LeydenWarning
from leyden.trainer import Trainer


@pytest.mark.parametrize("device", ["meta", torch.device("meta")])
def test_data_moves_to_a_device_that_is_named(device):
    batch = move_data_to_device({"x": torch.ones(2), "names": ["a"]}, device)
    assert batch["x"].device.type == "meta"
    assert batch["names"] == ["a"]


def test_a_method_of_ones_own_is_an_override():
    class Mine(Callback):
        def on_fit_start(self, trainer, pl_module):
            pass

    assert is_overridden("training_step", BoringModel())
    assert not is_overridden("on_fit_start", BoringModel())
    assert is_overridden("on_fit_start", Mine())
    assert not is_overridden("train_dataloader", DataModule())
    assert not is_overridden("no_such_method", BoringModel())
    assert not is_overridden("training_step", None)


def test_a_method_set_on_the_object_is_an_override():
    model = BoringModel()
    model.on_fit_start = partial(print, "starts")
    assert is_overridden("on_fit_start", model)


def test_what_an_override_is_compared_with_must_be_known():
    with pytest.raises(ValueError, match="Pass parent="):
        is_overridden("append", [])
    with pytest.raises(ValueError, match="no method 'extra'"):
        is_overridden("extra", type("Extra", (BoringModel,), {"extra": lambda self: None})())
    assert not is_overridden("extra_repr", nn.Module(), parent=nn.Module)
    assert is_overridden("extra_repr", nn.Linear(1, 1), parent=nn.Module)


def test_the_trainer_takes_a_clipping_algorithm_as_enum():
    trainer = Trainer(gradient_clip_val=1, gradient_clip_algorithm=GradClipAlgorithmType.VALUE, logger=False)
    assert trainer.gradient_clip_algorithm == "value"
    assert GradClipAlgorithmType.supported_type("norm")
    assert not GradClipAlgorithmType.supported_type("other")
    assert GradClipAlgorithmType.supported_types() == ["value", "norm"]


@pytest.mark.parametrize(("cores", "processes", "workers"), [(1, 1, 1), (2, 1, 1), (8, 1, 7), (8, 2, 3), (8, 4, 1)])
def test_workers_leave_a_core_to_each_training_process(monkeypatch, cores, processes, workers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores))
    assert suggested_max_num_workers(processes) == workers


def test_workers_of_no_process_are_an_error():
    with pytest.raises(ValueError, match="local_world_size=0"):
        suggested_max_num_workers(0)


def test_warnings_of_probable_mistakes_can_be_silenced():
    with warnings.catch_warnings():
        disable_possible_user_warnings()
        warnings.warn("probably", LeydenWarning, stacklevel=1)
        with pytest.raises(UserWarning, match="certainly"):
            warnings.warn("certainly", UserWarning, stacklevel=1)


def test_a_loader_tells_where_its_data_comes_from():
    assert has_iterable_dataset(DataLoader(RandomIterableDataset(2, 2)))
    assert not has_iterable_dataset(DataLoader(RandomDataset(2, 2)))
    assert not has_iterable_dataset([1, 2])


def test_operations_are_counted_forward_and_backward():
    layer = nn.Linear(3, 3)
    x = torch.ones(2, 3, requires_grad=True)
    assert measure_flops(layer, lambda: layer(x)) == 36
    assert measure_flops(layer, lambda: layer(x), torch.sum) == 3 * 36


def test_the_file_system_of_an_address_is_fsspecs(tmp_path):
    assert get_filesystem(tmp_path / "not there").exists(str(tmp_path))
    assert type(get_filesystem("memory://folder/file")).__name__ == "MemoryFileSystem"
