"""The small models and data sets that tests are written with."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

from leyden.compat.boring import (
    BoringDataModule,
    BoringDataModuleNoLen,
    BoringModel,
    DemoModel,
    IterableBoringDataModule,
    RandomDataset,
    RandomDictDataset,
    RandomIterableDataset,
    RandomIterableDatasetWithLen,
)
from leyden.trainer import Trainer

QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


def test_rows_are_drawn_once():
    data = RandomDataset(4, 6)
    assert len(data) == 6
    assert data[2].shape == (4,)
    assert torch.equal(data[2], data[2])


def test_a_row_may_be_a_dict():
    row = RandomDictDataset(4, 6)[1]
    assert torch.equal(row["b"], row["a"] + 2)


def test_rows_of_an_iterable_are_drawn_anew():
    data = RandomIterableDataset(4, 3)
    first, second = list(data), list(data)
    assert len(first) == len(second) == 3
    assert not torch.equal(first[0], second[0])
    with pytest.raises(TypeError):
        len(data)  # type: ignore[arg-type]
    assert len(RandomIterableDatasetWithLen(4, 3)) == 3


def test_the_model_trains_and_is_evaluated_with_its_own_loaders():
    model = BoringModel()
    before = model.layer.weight.detach().clone()
    trainer = Trainer(max_epochs=1, accelerator="cpu", **QUIET)
    trainer.fit(model)
    assert trainer.global_step == 64
    assert not torch.equal(model.layer.weight, before)
    assert trainer.test(model) == [{}]
    assert len(trainer.predict(model)) == 64


def test_the_demo_model_has_the_size_that_was_asked_for():
    model = DemoModel(out_dim=3, learning_rate=0.1)
    assert model(torch.ones(2, 4, 8)).shape == (2, 3)
    assert model.configure_optimizers().param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize(
    ("kind", "rows"), [(BoringDataModule, (64, 64, 64, 64)), (BoringDataModuleNoLen, (512, 128, 256, 64))]
)
def test_each_stage_has_its_own_data(kind, rows):
    module = kind()
    for stage, names in {"fit": ("train", "val"), "test": ("test",), "predict": ("predict",)}.items():
        module.setup(stage)
        assert all(hasattr(module, f"random_{name}") for name in names)
    loaders = [getattr(module, f"{name}_dataloader")() for name in ("train", "val", "test", "predict")]
    assert tuple(sum(1 for _ in loader) for loader in loaders) == rows


def test_validation_alone_prepares_no_training_data():
    module = BoringDataModule()
    module.setup("validate")
    assert not hasattr(module, "random_train")
    assert len(module.val_dataloader()) == 64


def test_a_stage_may_have_two_loaders():
    module = IterableBoringDataModule()
    module.setup("fit")
    loaders = module.train_dataloader()
    assert [type(loader) for loader in loaders] == [DataLoader, DataLoader]
    assert [sum(1 for _ in loader) for loader in loaders] == [16, 16]
