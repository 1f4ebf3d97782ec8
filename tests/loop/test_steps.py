from __future__ import annotations

import pytest
import torch

from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.errors import ModuleError
from leyden.loop.steps import bound_step, check_step, positional_arguments, way_to_device
from leyden.runtime.precision import resolve_precision

CPU = torch.device("cpu")
FULL = resolve_precision(None, CPU)
BATCH = {"x": torch.ones(2), "label": torch.ones(2, dtype=torch.long)}


@pytest.mark.parametrize(
    ("method", "count"),
    [
        (lambda: None, 0),
        (lambda batch: None, 1),
        (lambda batch, batch_idx: None, 2),
        (lambda batch, batch_idx, dataloader_idx=0: None, 3),
        (lambda batch, *, extra=1: None, 1),
        (lambda *args: None, float("inf")),
        (lambda batch, *rest, **more: None, float("inf")),
        (lambda **more: None, 0),
    ],
)
def test_the_arguments_that_a_step_takes_by_position_are_counted(method, count):
    assert positional_arguments(method) == count


def test_a_bound_method_does_not_count_its_self():
    class Model(Module):
        def training_step(self, batch, batch_idx):
            pass

    assert positional_arguments(Model().training_step) == 2


def test_a_step_gets_what_it_takes_of_batch_index_and_loader():
    assert bound_step(lambda batch: ("got", batch))("batch", 3) == ("got", "batch")
    assert bound_step(lambda batch: ("got", batch))("batch", 3, 1) == ("got", "batch")
    assert bound_step(lambda *got: got)("batch", 3, 1) == ("batch", 3, 1)


def test_a_step_that_takes_all_is_called_without_anything_between():
    def step(batch, batch_idx):
        pass

    assert bound_step(step) is step


@pytest.mark.parametrize(
    ("method", "loaders"),
    [
        (lambda batch: None, 1),
        (lambda batch, batch_idx: None, 1),
        (lambda batch, batch_idx, dataloader_idx=0: None, 1),
        (lambda batch, batch_idx, dataloader_idx=0: None, 2),
        (lambda batch, batch_idx, dataloader_idx: None, 2),
        (lambda batch, batch_idx, *, extra=1: None, 1),
        (lambda *args, **kwargs: None, 2),
        (lambda *args: None, 1),
    ],
)
def test_a_step_that_takes_what_it_is_given_passes(method, loaders):
    check_step(method, "validation_step", loaders)


@pytest.mark.parametrize(
    ("method", "loaders", "said"),
    [
        (lambda: None, 1, "step() takes no batch. Define step(self, batch, batch_idx)."),
        (lambda **more: None, 1, "step() takes no batch."),
        (lambda batch, batch_idx: None, 2, "there are 2 loaders, but step() does not take the loader's number."),
        (lambda batch: None, 3, "there are 3 loaders"),
        (lambda batch, index, optimizer_idx: None, 1, "step() wants optimizer_idx, which it is not given. Drop it"),
        (
            lambda batch, index, dataloader_idx: None,
            1,
            "dataloader_idx, which it is not given while there is one",
        ),
        (lambda batch, index, loader, a, b: None, 2, "step() wants a, b, which it is not given. Drop it, or give it a"),
        (lambda batch, *, batch_idx: None, 1, "step() wants batch_idx"),
    ],
)
def test_a_step_that_does_not_fit_is_refused_with_what_to_change(method, loaders, said):
    with pytest.raises(ModuleError) as caught:
        check_step(method, "step", loaders)
    assert said in str(caught.value)


# The way of a batch


def test_without_hooks_a_batch_is_moved_and_nothing_else():
    moved = way_to_device(Module(), None, torch.device("meta"), FULL)(BATCH, 0)
    assert {name: tensor.device.type for name, tensor in moved.items()} == {"x": "meta", "label": "meta"}


def test_another_precision_casts_what_is_floating_before_anything_else():
    class Own(Module):
        def on_before_batch_transfer(self, batch, dataloader_idx):
            seen.append(batch["x"].dtype)
            return batch

    seen = []
    double = resolve_precision("64-true", CPU)
    for module in (Module(), Own()):
        cast = way_to_device(module, None, CPU, double)(BATCH, 0)
        assert (cast["x"].dtype, cast["label"].dtype) == (torch.float64, torch.long)
    assert seen == [torch.float64]


def hooked(base, tag):
    """A class whose transfer hooks add their tag to the batch, which is a list."""
    return type(
        "Hooked",
        (base,),
        {
            "on_before_batch_transfer": lambda self, batch, loader: [*batch, (tag, "before", loader)],
            "transfer_batch_to_device": lambda self, batch, device, loader: [*batch, (tag, device.type, loader)],
            "on_after_batch_transfer": lambda self, batch, loader: [*batch, (tag, "after", loader)],
        },
    )()


def test_the_hooks_of_the_module_are_called_in_their_order():
    way = way_to_device(hooked(Module, "M"), None, CPU, FULL)
    assert way([], 2) == [("M", "before", 2), ("M", "cpu", 2), ("M", "after", 2)]


def test_the_hooks_of_the_data_module_win():
    way = way_to_device(hooked(Module, "M"), hooked(DataModule, "D"), CPU, FULL)
    assert way([], 0) == [("D", "before", 0), ("D", "cpu", 0), ("D", "after", 0)]


def test_a_hook_that_the_data_module_lacks_is_the_modules():
    class Data(DataModule):
        def on_after_batch_transfer(self, batch, dataloader_idx):
            return [*batch, "D"]

    way = way_to_device(hooked(Module, "M"), Data(), CPU, FULL)
    assert way([], 0) == [("M", "before", 0), ("M", "cpu", 0), "D"]


def test_a_data_module_that_overrides_nothing_changes_nothing():
    assert way_to_device(Module(), DataModule(), CPU, FULL)(BATCH, 0)["x"] is BATCH["x"]


def test_hooks_around_the_transfer_leave_the_transfer_itself_in_place():
    class Own(Module):
        def on_after_batch_transfer(self, batch, dataloader_idx):
            return batch.device.type

    assert way_to_device(Own(), None, torch.device("meta"), FULL)(torch.ones(1), 0) == "meta"
