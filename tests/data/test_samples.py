from __future__ import annotations

import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, TensorDataset

from leyden.data.samples import noted, without_drop_last

FIVE = TensorDataset(torch.arange(5))


class Own(DataLoader):
    """A loader whose constructor wants what no copy could give it."""

    def __init__(self, secret, **settings):
        super().__init__(FIVE, **settings)
        self.uses = secret


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(5))


def taken(loader):
    """What the batches hold, and what the notes say of them; whole batches are taken before their notes."""
    view, notes = noted(loader)
    batches = [batch[0].tolist() for batch in view]
    return batches, [notes.take() for _ in batches]


def test_the_notes_tell_the_samples_of_each_batch_in_its_order():
    batches, samples = taken(DataLoader(FIVE, batch_size=2, shuffle=True))
    assert batches == samples
    assert sorted(index for batch in samples for index in batch) == [0, 1, 2, 3, 4]


def test_noting_draws_the_same_random_numbers():
    def order(loader):
        torch.manual_seed(3)
        return [batch[0].tolist() for batch in loader], torch.get_rng_state().sum()

    loader = DataLoader(FIVE, batch_size=2, shuffle=True)
    assert order(noted(loader)[0]) == order(loader)


def test_notes_are_in_step_with_workers_that_fetch_ahead():
    batches, samples = taken(DataLoader(FIVE, batch_size=1, num_workers=2))
    assert batches == samples == [[0], [1], [2], [3], [4]]


def test_a_batch_sampler_of_the_users_own_decides():
    loader = DataLoader(FIVE, batch_sampler=BatchSampler(RandomSampler(FIVE), 3, drop_last=True))
    batches, samples = taken(loader)
    assert len(loader) == len(batches) == 1
    assert batches == samples


def test_a_loader_of_a_class_of_its_own_is_not_built_again():
    view, notes = noted(Own(7, batch_size=2))
    assert (type(view), view.uses, len(view)) == (Own, 7, 3)
    assert next(iter(view))[0].tolist() == notes.take() == [0, 1]


def test_the_loader_itself_stays_as_it_was():
    loader = DataLoader(FIVE, batch_size=2)
    own = loader.batch_sampler
    view, _ = noted(loader)
    list(view)
    assert loader.batch_sampler is own


def test_notes_begin_anew_with_each_pass():
    view, notes = noted(DataLoader(FIVE, batch_size=2))
    next(iter(view))
    assert next(iter(view))[0].tolist() == notes.take()


def test_what_makes_no_batches_of_samples_tells_none():
    for loader in (
        [torch.ones(2)],
        DataLoader(Stream(), batch_size=2),
        DataLoader(FIVE, batch_size=None),
        DataLoader(FIVE, batch_size=2, num_workers=1, in_order=False),
    ):
        view, notes = noted(loader)
        assert view is loader
        assert notes is None


def test_without_drop_last_the_last_samples_are_there():
    loader = DataLoader(FIVE, batch_size=2, drop_last=True)
    whole = without_drop_last(loader)
    assert [batch[0].tolist() for batch in whole] == [[0, 1], [2, 3], [4]]
    assert (len(whole), len(loader)) == (3, 2)


def test_a_loader_that_drops_nothing_is_left_alone():
    class Pairs(BatchSampler):
        pass

    for loader in (
        DataLoader(FIVE, batch_size=2),
        DataLoader(FIVE, batch_sampler=Pairs(range(5), 2, drop_last=True)),
        DataLoader(Stream(), batch_size=2, drop_last=True),
        [1, 2],
    ):
        assert without_drop_last(loader) is loader
