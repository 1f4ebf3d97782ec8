from __future__ import annotations

from math import inf

import pytest
import torch
from tests.tiny import Tiny, batches, trainer
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import leyden as L
from leyden.core.state import State
from leyden.core.warnings import LeydenWarning
from leyden.errors import DataError, ModuleError
from leyden.runtime.seed import seed_worker
from leyden.sources import EvaluationSource, Source, train_data

NUMBERS = TensorDataset(torch.ones(4, 2))


class Data(L.DataModule):
    def train_dataloader(self):
        return ["of the data module"]


class Owner(Tiny):
    def train_dataloader(self):
        return ["of the module"]


def source(given=None, datamodule=None, module=None, name="train_dataloader"):
    return Source.of(name, given, datamodule, module or Tiny())


def asked(*given):
    """The loaders that a source finds, as they were made."""
    return source(*given).loaders("sequential").iterables


def training(given, **arguments):
    return train_data(source(given), trainer(".", **arguments).settings, False)


def evaluation(given, limit=1.0, check=lambda loaders: None):
    return EvaluationSource(
        source(given, name="val_dataloader"), limit, "limit_val_batches", check, 0, 0, State(), False
    )()


def answering(answer):
    """A module whose train_dataloader is this."""
    return type("Answering", (Tiny,), {"train_dataloader": answer})()


# Who is asked


def test_what_the_call_was_given_comes_first_then_the_data_module_or_else_the_module():
    assert asked(["given"], Data(), Owner()) == ["given"]
    assert asked(None, Data(), Owner()) == ["of the data module"]
    assert asked(None, None, Owner()) == ["of the module"]


def test_loaders_that_nobody_defines_are_not_there():
    assert not source(None, None, Tiny()).defined
    assert not source(None, L.DataModule(), Owner()).defined
    assert source([]).defined
    assert source(None, Data()).defined


def test_a_loader_set_on_the_object_counts():
    module = Tiny()
    module.train_dataloader = lambda: ["set"]
    assert asked(None, None, module) == ["set"]


def test_a_method_that_returns_nothing_is_named():
    with pytest.raises(DataError, match=r"^train_dataloader\(\) of Answering returned None\. Return a loader"):
        asked(None, None, answering(lambda self: None))


def test_a_loader_in_the_place_of_the_method_is_named():
    with pytest.raises(ModuleError, match=r"^train_dataloader\(\) of Answering is a list of \(int\), not a method"):
        asked(None, None, answering([1]))


# The training loader


def test_the_training_loader_is_taken_up_to_its_limit():
    assert training(batches(4), limit_train_batches=3).size == 3
    assert training(batches(4), limit_train_batches=0.5).size == 2
    assert training(iter([1])).size == inf


def test_an_empty_training_loader_warns_with_the_likely_causes():
    with pytest.warns(LeydenWarning, match=r"train_dataloader has no batches.*drop_last"):
        assert training(DataLoader(NUMBERS, 8, drop_last=True)).size == 0


def test_a_dataset_in_the_place_of_a_loader_warns():
    with pytest.warns(LeydenWarning, match="train_dataloader is the dataset TensorDataset itself.*DataLoader"):
        assert training(NUMBERS).size == 4


def test_a_stream_in_the_place_of_a_loader_may_give_batches_itself():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([torch.ones(1, 2)])

    assert training(Stream()).size == inf


@pytest.mark.parametrize("seeded", [True, False])
def test_workers_get_streams_of_their_own_where_seed_everything_asked_for_it(monkeypatch, seeded):
    monkeypatch.setenv("PL_SEED_WORKERS", str(int(seeded)))
    loader, own = DataLoader(NUMBERS), DataLoader(NUMBERS, worker_init_fn=print)
    training([loader, own])
    assert loader.worker_init_fn is (seed_worker if seeded else None)
    assert own.worker_init_fn is print


# The loaders of an evaluation


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (batches(1), 1),
        ([batches(1), batches(2)], 2),
        ((batches(1),), 1),
        ({"a": batches(1), "b": batches(2)}, 2),
    ],
)
def test_an_evaluation_runs_one_loader_or_several(given, count):
    assert len(evaluation(given).sizes) == count


def test_each_loader_of_an_evaluation_has_its_own_size():
    assert evaluation([batches(4), batches(8), iter([])], 3).sizes == [3, 3, 3]
    assert evaluation([batches(4), batches(8)], 0.5).sizes == [2, 4]


def test_the_program_is_asked_once():
    calls = []

    class Asked(Tiny):
        def val_dataloader(self):
            calls.append(1)
            return batches(1)

    of_module = source(module=Asked(), name="val_dataloader")
    loaders = EvaluationSource(of_module, 1.0, "limit_val_batches", lambda count: None, 0, 0, State(), False)
    assert loaders.loaded is None
    assert loaders() is loaders() is loaders.loaded
    assert calls == [1]


def test_the_step_is_checked_against_the_number_of_loaders():
    checked = []
    evaluation([batches(1), batches(1)], check=checked.append)
    assert checked == [2]


def test_an_empty_loader_of_an_evaluation_warns():
    with pytest.warns(LeydenWarning, match="val_dataloader has no batches"):
        assert evaluation([batches(1), batches(0)]).sizes == [1, 0]


def test_what_cannot_be_iterated_is_refused():
    with pytest.raises(DataError, match="val_dataloader is or holds an int"):
        evaluation([batches(1), 3])
