from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from leyden.data.combined import CombinedLoader
from leyden.data.loader import EvaluationData, TrainData
from leyden.data.position import Position
from leyden.data.pulled import Pulled
from leyden.errors import FormatError


class Endless(IterableDataset):
    """Has no length, and three batches."""

    def __iter__(self):
        return iter(torch.arange(3.0))


def loader(count=5):
    return DataLoader(torch.arange(float(count)), batch_size=None)


def test_what_was_taken_last_can_be_seen():
    pulled = Pulled(iter([(("a", 0, 0), False), (("b", 1, 0), True)]))
    assert (pulled.last_taken, pulled.taken, pulled.done) == ((None, 0, 0), 0, False)
    assert next(pulled) == ("a", 0, 0)
    assert (pulled.last_taken, pulled.taken, pulled.done) == (("a", 0, 0), 1, False)
    assert next(pulled) == ("b", 1, 0)
    assert pulled.done
    with pytest.raises(StopIteration):
        next(pulled)
    assert pulled.last_taken == ("b", 1, 0)


@pytest.mark.parametrize(("loaders", "size"), [(loader(3), 3), (DataLoader(Endless(), batch_size=None), float("inf"))])
def test_an_epoch_of_training_is_over_once_its_batches_are_taken(loaders, size):
    data = TrainData(loaders, size, pulls=True)
    for _ in range(2):
        given, taken = [], []
        for index, pulled, _ in data.batches(0, 0):
            given.append(index)
            taken += [number for batch, number, loader in [next(pulled)]]
            if not pulled.done:
                taken += [number for batch, number, loader in [next(pulled)]]
        assert (given, taken) == ([0, 1], [0, 1, 2])


def test_training_goes_on_behind_the_batches_that_were_taken():
    data = TrainData(loader(), 5, pulls=True)
    steps = data.batches(0, 0)
    _, pulled, _ = next(steps)
    next(pulled), next(pulled), next(pulled)
    saved = data.state_dict()
    again = TrainData(loader(), 5, pulls=True)
    again.rewind(saved, 1, 0)
    (first, taken, last), *_ = [(index, next(pulled), pulled.done) for index, pulled, _ in again.batches(1, 0)]
    assert (first, taken, last) == (1, (torch.tensor(3.0), 3, 0), False)


@pytest.mark.parametrize("pulled", [-1, "1", None, 1.0])
def test_a_malformed_count_of_taken_batches_is_refused(pulled):
    saved = {**TrainData(loader(), 5).state_dict(), "pulled": pulled}
    with pytest.raises(FormatError):
        Position.read(saved)


def test_an_evaluation_gives_the_batches_of_all_its_loaders():
    data = EvaluationData(CombinedLoader([loader(2), loader(1)], "sequential"), [2, 1], pulls=True)
    seen = [(index, number, next(pulled)[1:]) for pulled, index, number in data.limited(2).batches(0)]
    assert seen == [(0, 0, (0, 0)), (1, 0, (1, 0)), (2, 1, (0, 1))]
    assert data.noting_samples() is data
