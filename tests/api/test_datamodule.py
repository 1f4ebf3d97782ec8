from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, TensorDataset

from leyden.api.datamodule import DataModule

NUMBERS = TensorDataset(torch.arange(6.0))


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(3))


class Own(DataModule):
    def __init__(self, batch_size=None, q=1):
        super().__init__()
        self.save_hyperparameters()

    def val_dataloader(self):
        return "mine"


def test_training_data_is_shuffled_and_the_rest_is_not():
    data = DataModule.from_datasets(NUMBERS, NUMBERS, NUMBERS, NUMBERS, batch_size=4, num_workers=2)
    loaders = [data.train_dataloader(), data.val_dataloader(), data.test_dataloader(), data.predict_dataloader()]
    assert [type(loader.sampler) for loader in loaders] == [RandomSampler] + [SequentialSampler] * 3
    assert {(loader.batch_size, loader.num_workers) for loader in loaders} == {(4, 2)}


def test_a_stage_without_a_dataset_has_no_loader():
    assert DataModule.from_datasets(val_dataset=NUMBERS).train_dataloader() is None


def test_a_stream_is_not_shuffled():
    loader = DataModule.from_datasets(Stream(), batch_size=2).train_dataloader()
    assert [batch.tolist() for batch in loader] == [[0, 1], [2]]


def test_several_datasets_keep_their_structure():
    data = DataModule.from_datasets({"a": NUMBERS, "b": [NUMBERS]}, (NUMBERS, Stream()))
    train, val = data.train_dataloader(), data.val_dataloader()
    assert (type(train["a"]), type(train["b"][0]), type(train["a"].sampler)) == (DataLoader, DataLoader, RandomSampler)
    assert (type(val), [type(loader.dataset) for loader in val]) == (list, [TensorDataset, Stream])


@pytest.mark.parametrize("loader", ["abc", range(3), DataLoader(NUMBERS)])
def test_what_is_no_dataset_is_taken_as_a_loader(loader):
    assert DataModule.from_datasets(loader).train_dataloader() is loader


def test_every_call_makes_a_new_loader():
    data = DataModule.from_datasets(NUMBERS)
    assert data.train_dataloader() is not data.train_dataloader()


def test_init_gets_its_arguments_and_those_of_the_loaders_that_it_takes():
    data = Own.from_datasets(NUMBERS, batch_size=4, num_workers=2, q=5)
    assert data.hparams == {"batch_size": 4, "q": 5}

    class Any(DataModule):
        def __init__(self, **kwargs):
            super().__init__()
            self.save_hyperparameters()

    assert Any.from_datasets(q=3).hparams == {"batch_size": 1, "num_workers": 0, "q": 3}


def test_a_dataset_that_is_given_replaces_the_method_and_others_stay():
    assert isinstance(Own.from_datasets(val_dataset=NUMBERS).val_dataloader(), DataLoader)
    assert Own.from_datasets(NUMBERS).val_dataloader() == "mine"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))])
def test_it_can_be_copied_to_another_process(copied):
    assert len(copied(DataModule.from_datasets(NUMBERS)).train_dataloader()) == 6


def test_a_data_module_has_no_state_until_it_says_so():
    data = DataModule()
    assert data.state_dict() == {}
    data.load_state_dict({"anything": 1})
