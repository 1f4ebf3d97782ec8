from __future__ import annotations

from math import inf

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from leyden.data.sizes import batches_of, length_of
from leyden.errors import SettingsError


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(5))


class SizedStream(Stream):
    def __len__(self):
        return 5


NUMBERS = TensorDataset(torch.arange(5.0))


@pytest.mark.parametrize(
    ("loader", "length"),
    [
        ([1, 2, 3], 3),
        (DataLoader(NUMBERS, 2), 3),
        (DataLoader(NUMBERS, 2, drop_last=True), 2),
        (DataLoader(SizedStream(), 2), 3),
        (DataLoader(Stream(), 2), None),
        ((number for number in range(3)), None),
        ([], 0),
    ],
)
def test_the_length_of_a_loader_is_known_where_it_tells(loader, length):
    assert length_of(loader) == length


@pytest.mark.parametrize("error", [TypeError, NotImplementedError])
def test_a_length_that_is_only_pretended_is_no_length(error):
    class Pretends:
        def __len__(self):
            raise error

        def __iter__(self):
            return iter(())

    assert length_of(Pretends()) is None


@pytest.mark.parametrize(
    ("length", "limit", "count"),
    [
        *((10, 1.0, 10), (10, 0.25, 2), (10, 0.1, 1), (10, 0.0, 0)),
        *((10, 3, 3), (10, 0, 0), (10, 20, 10)),
        *((0, 1.0, 0), (0, 0.5, 0), (0, 4, 0)),
    ],
)
def test_a_limit_is_a_count_if_it_is_whole_and_else_a_fraction(length, limit, count):
    taken = batches_of(range(length), limit, "limit_train_batches")
    assert (taken, type(taken)) == (count, int)


@pytest.mark.parametrize(("limit", "count"), [(1.0, inf), (0.0, 0), (3, 3), (0, 0)])
def test_a_loader_without_a_length_can_be_taken_whole_not_at_all_or_by_count(limit, count):
    assert batches_of(iter([]), limit, "limit_val_batches") == count


def test_a_fraction_of_a_loader_without_a_length_is_refused():
    with pytest.raises(SettingsError, match=r"limit_val_batches=0\.5 is a fraction, but DataLoader has no length"):
        batches_of(DataLoader(Stream()), 0.5, "limit_val_batches")


def test_a_fraction_that_leaves_no_batch_is_refused_with_a_limit_that_leaves_one():
    with pytest.raises(
        SettingsError, match=r"limit_test_batches=0\.1 of 4 batches .* limit_test_batches=1 for one batch"
    ):
        batches_of(range(4), 0.1, "limit_test_batches")
