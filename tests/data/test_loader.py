from __future__ import annotations

import sys
from math import inf

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, TensorDataset

from leyden.core.warnings import LeydenWarning
from leyden.data.combined import CombinedLoader
from leyden.data.loader import EvaluationData, TrainData, check_loader
from leyden.errors import DataError, FormatError, MismatchError


class Stream(IterableDataset):
    """Knows no length, and counts what is taken of it."""

    def __init__(self, length=5):
        self.length, self.taken = length, 0

    def __iter__(self):
        for number in range(self.length):
            self.taken += 1
            yield number


class Batches:
    """Any iterable with a length, which may be wrong."""

    def __init__(self, items, length=None):
        self.items, self.length = items, len(items) if length is None else length

    def __len__(self):
        if self.length is TypeError:
            raise TypeError
        return self.length

    def __iter__(self):
        return iter(self.items)


class Stateful(Batches):
    """A loader that keeps its own position: an iterator that is made after loading goes on, every other begins."""

    def __init__(self, items, length=None):
        super().__init__(items, length)
        self.position = self.begin_at = 0

    def __iter__(self):
        begin_at, self.begin_at = self.begin_at, 0
        return self.items_from(begin_at)

    def items_from(self, begin_at):
        for number in range(begin_at, len(self.items)):
            self.position = number + 1
            yield self.items[number]

    def state_dict(self):
        return {"position": self.position}

    def load_state_dict(self, state):
        self.begin_at = state["position"]


class Noisy(torch.utils.data.Dataset):
    """Draws a random number for each item."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.rand(()) + index


def numbers(count):
    return TensorDataset(torch.arange(float(count)))


def shuffled(seed=1, own_sampler=False):
    generator = torch.Generator().manual_seed(seed)
    if own_sampler:
        sampler = RandomSampler(range(8), generator=generator)
        return DataLoader(range(8), 2, sampler=sampler)
    return DataLoader(range(8), 2, shuffle=True, generator=generator)


def listed(batches):
    return [
        (index, batch.tolist() if isinstance(batch, torch.Tensor) else batch, last) for index, batch, last in batches
    ]


def taken(data, count):
    """The first batches of an epoch; then the state that a save there would hold, then the rest of the epoch."""
    batches = data.batches(0, epoch=0)
    first = [next(batches) for _ in range(count)]
    return listed(first), data.state_dict(), batches


@pytest.mark.parametrize(("loader", "found"), [(None, "None"), (3, "an int")])
def test_what_cannot_be_iterated_is_no_loader(loader, found):
    with pytest.raises(DataError, match=f"val_dataloader is or holds {found}, which cannot be iterated"):
        check_loader(loader, "val_dataloader")


def test_a_loader_that_can_only_be_indexed_is_a_loader():
    class Indexed:
        def __getitem__(self, index):
            return [10, 20][index]

    check_loader(Indexed(), "train_dataloader")
    assert listed(TrainData(Indexed(), inf).batches(0, 0)) == [(0, 10, False), (1, 20, True)]


# The batches of training


def test_batches_come_with_their_number_and_the_last_is_marked():
    assert listed(TrainData("abc", 3).batches(0, 0)) == [(0, "a", False), (1, "b", False), (2, "c", True)]


def test_a_limit_ends_the_epoch_and_marks_its_own_last_batch():
    assert listed(TrainData("abc", 2).batches(0, 0)) == [(0, "a", False), (1, "b", True)]


def test_no_more_batches_are_fetched_than_the_limit_allows():
    stream = Stream()
    data = TrainData(DataLoader(stream, batch_size=None), 2)
    assert listed(data.batches(0, 0)) == [(0, 0, False), (1, 1, True)]
    assert stream.taken == 2


def test_a_loader_without_a_length_is_read_one_batch_ahead_to_know_the_last():
    stream = Stream(3)
    data = TrainData(DataLoader(stream, batch_size=None), inf)
    batches = data.batches(0, 0)
    assert (next(batches), stream.taken) == ((0, 0, False), 2)
    assert listed(batches) == [(1, 1, False), (2, 2, True)]


def test_a_loader_with_a_length_is_not_read_ahead():
    fetched = []
    loader = Batches([0, 1])
    loader.__class__ = type(
        "Counting", (Batches,), {"__iter__": lambda self: (fetched.append(i) or i for i in self.items)}
    )
    next(TrainData(loader, 2).batches(0, 0))
    assert fetched == [0]


def test_a_loader_without_batches_gives_none():
    assert listed(TrainData([], 0).batches(0, 0)) == []


def test_an_iterator_that_is_used_up_is_reported():
    data = TrainData(iter("a"), inf)
    assert listed(data.batches(0, 0)) == [(0, "a", True)]
    with pytest.warns(LeydenWarning, match="the training loader, a str_.*iterator, gave no batch; an iterator is"):
        assert listed(data.batches(0, 1)) == []


def test_a_resume_at_the_end_of_an_epoch_reports_nothing():
    _, saved, _ = taken(TrainData(DataLoader(Stream(2), batch_size=None), inf), 2)
    data = TrainData(DataLoader(Stream(2), batch_size=None), inf)
    data.rewind(saved, 2, epoch=0)
    assert listed(data.batches(2, 0)) == []


def test_a_loader_that_ends_before_its_length_ends_the_epoch_with_a_warning():
    batches = TrainData(Batches("ab", length=4), 4).batches(0, 0)
    with pytest.warns(LeydenWarning, match=r"says that it has 4 batches, and gave 2 .* Correct its __len__\(\)"):
        assert listed(batches) == [(0, "a", False), (1, "b", False)]


def test_a_loader_without_a_length_that_ends_before_its_limit_ends_the_epoch_with_a_warning():
    batches = TrainData(iter("ab"), 4).batches(0, 0)
    with pytest.warns(LeydenWarning, match="has no length, and gave 2 where 4 are taken.*Lower limit_train_batches"):
        assert listed(batches) == [(0, "a", False), (1, "b", False)]


def test_a_loader_that_ends_after_its_limit_is_as_long_as_it_said():
    assert len(listed(TrainData(Batches("abc", length=4), 2).batches(0, 0))) == 2


def test_a_loader_that_goes_on_beyond_its_length_is_cut_there():
    assert listed(TrainData(Batches("abcd", length=2), 2).batches(0, 0)) == [(0, "a", False), (1, "b", True)]


def test_every_epoch_iterates_anew():
    data = TrainData("ab", 2)
    assert listed(data.batches(0, 0)) == listed(data.batches(0, 1)) == [(0, "a", False), (1, "b", True)]


def test_an_iterator_that_was_opened_before_is_the_one_that_is_used():
    loader = Batches("ab")
    data = TrainData(loader, 2)
    data.open(0)
    loader.items = "cd"
    assert listed(data.batches(0, 0)) == [(0, "a", False), (1, "b", True)]
    assert listed(data.batches(0, 1)) == [(0, "c", False), (1, "d", True)]


class Telling(RandomSampler):
    """Writes down the epochs that it is told."""

    def __init__(self, told):
        super().__init__(range(4))
        self.told = told

    def set_epoch(self, epoch):
        self.told.append(epoch)


def test_samplers_are_told_the_epoch_each_once():
    told = []
    alone = DataLoader(range(4), 2, sampler=Telling(told))
    inside = DataLoader(range(4), batch_sampler=BatchSampler(Telling(told), 2, drop_last=False))
    listed(TrainData([alone, inside, alone], 2).batches(0, epoch=3))
    assert told == [3, 3]


@pytest.mark.parametrize(
    ("mode", "batches"),
    [
        ("min_size", [(0, [1, 10], False), (1, [2, 20], True)]),
        ("max_size_cycle", [(0, [1, 10], False), (1, [2, 20], False), (2, [3, 10], True)]),
        ("max_size", [(0, [1, 10], False), (1, [2, 20], False), (2, [3, None], True)]),
    ],
)
@pytest.mark.parametrize("sized", [True, False])
def test_several_loaders_are_trained_on_side_by_side(mode, batches, sized):
    loaders = [Batches([1, 2, 3]), Batches([10, 20])]
    if not sized:
        loaders = [Batches(loader.items, TypeError) for loader in loaders]
    data = TrainData(CombinedLoader(loaders, mode), len(batches) if sized else inf)
    assert listed(data.batches(0, 0)) == batches
    assert data.loader is data.combined.iterables


def test_the_longest_of_several_loaders_decides_unless_they_are_combined_otherwise():
    assert [batch for _, batch, _ in TrainData({"a": "xyz", "b": range(1)}, 3).batches(0, 0)] == [
        {"a": "x", "b": 0},
        {"a": "y", "b": 0},
        {"a": "z", "b": 0},
    ]


def test_an_iterator_is_let_go_of_at_the_end_of_its_epoch():
    iterator = iter("ab")
    data = TrainData(iterator, inf)
    before = sys.getrefcount(iterator)
    listed(data.batches(0, 0))
    assert sys.getrefcount(iterator) == before


# The position to resume from


@pytest.mark.parametrize("own_sampler", [False, True], ids=["generator of the loader", "generator of its sampler"])
@pytest.mark.parametrize("done", [1, 3])
def test_a_shuffled_epoch_goes_on_where_it_was_saved(done, own_sampler):
    _, saved, rest = taken(TrainData(shuffled(1, own_sampler), 4), done)
    other = TrainData(shuffled(2, own_sampler), 4)
    other.rewind(saved, done, epoch=0)
    assert listed(other.batches(done, 0)) == listed(rest)


def test_a_shuffle_from_the_global_generator_goes_on_where_it_was_saved():
    def data():
        return TrainData(DataLoader(range(8), 2, shuffle=True), 4)

    torch.manual_seed(1)
    _, saved, rest = taken(data(), 2)
    expected = listed(rest)
    torch.manual_seed(2)
    other = data()
    other.rewind(saved, 2, epoch=0)
    assert listed(other.batches(2, 0)) == expected


def test_items_that_draw_random_numbers_are_drawn_again():
    torch.manual_seed(1)
    data = TrainData(DataLoader(Noisy(), 2), 3)
    _, saved, rest = taken(data, 1)
    expected = listed(rest)
    torch.manual_seed(2)
    other = TrainData(DataLoader(Noisy(), 2), 3)
    other.rewind(saved, 1, epoch=0)
    assert listed(other.batches(1, 0)) == expected


def test_the_epoch_after_a_resume_is_shuffled_as_it_would_have_been():
    data = TrainData(shuffled(1), 4)
    _, saved, rest = taken(data, 3)
    listed(rest)
    expected = listed(data.batches(0, 1))
    other = TrainData(shuffled(2), 4)
    other.rewind(saved, 3, epoch=0)
    listed(other.batches(3, 0))
    assert listed(other.batches(0, 1)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("done", [2, 4])
def test_workers_that_outlive_an_epoch_run_already_when_it_is_resumed(done):
    def data():
        loader = DataLoader(numbers(4), 1, True, num_workers=1, persistent_workers=True, multiprocessing_context="fork")
        return TrainData(loader, 4)

    torch.manual_seed(3)
    whole = data()
    listed(whole.batches(0, 0))
    batches = whole.batches(0, 1)
    for _ in range(done):
        next(batches)
    saved, random = whole.state_dict(), torch.get_rng_state()
    rest = [*listed(batches), *listed(whole.batches(0, 2))]
    torch.manual_seed(4)
    other = data()
    other.rewind(saved, done, 1)
    torch.set_rng_state(random)
    assert [*listed(other.batches(done, 1)), *listed(other.batches(0, 2))] == rest
    for one in (whole, other):
        one.loader._iterator._shutdown_workers()


@pytest.mark.parametrize("done", [0, 2])
@pytest.mark.parametrize("generator", [None, 5])
def test_a_batch_that_was_fetched_and_not_done_comes_again(done, generator):
    def data():
        own = None if generator is None else torch.Generator().manual_seed(generator)
        return TrainData(DataLoader(numbers(6), 1, shuffle=True, generator=own), 6)

    torch.manual_seed(3)
    whole = data()
    batches = whole.batches(0, 0)
    given = [next(batches) for _ in range(done + 1)]
    saved, random = whole.state_dict(), torch.get_rng_state()
    rest = [*listed(given[done:]), *listed(batches), *listed(whole.batches(0, 1))]
    torch.manual_seed(4)
    other = data()
    other.rewind(saved, done, 0)
    torch.set_rng_state(random)
    assert [*listed(other.batches(done, 0)), *listed(other.batches(0, 1))] == rest


def test_a_save_between_two_epochs_has_the_generators_as_they_are():
    data = TrainData(shuffled(1), 4)
    listed(data.batches(0, 0))
    saved = data.state_dict()
    expected = listed(data.batches(0, 1))
    other = TrainData(shuffled(2), 4)
    other.rewind(saved, 0, epoch=1)
    assert listed(other.batches(0, 1)) == expected


def states(saved):
    return [loader["state"] for loader in saved["loaders"]]


def test_a_loader_with_a_state_of_its_own_is_asked_for_it():
    _, saved, rest = taken(TrainData(Stateful("abcd"), 4), 2)
    assert states(saved) == [{"position": 2}]
    other = TrainData(Stateful("abcd"), 4)
    other.rewind(saved, 2, epoch=0)
    assert listed(other.batches(2, 0)) == listed(rest) == [(2, "c", False), (3, "d", True)]


def test_a_loader_with_a_state_of_its_own_that_was_saved_between_two_epochs_begins_the_next_one():
    data = TrainData(Stateful("ab"), 2)
    listed(data.batches(0, 0))
    saved = data.state_dict()
    other = TrainData(Stateful("ab"), 2)
    other.rewind(saved, 0, epoch=1)
    assert not other.state_dict()["inside"]
    assert listed(other.batches(0, 1)) == listed(data.batches(0, 1)) == [(0, "a", False), (1, "b", True)]


def test_a_state_is_that_before_the_batch_that_was_read_ahead():
    _, saved, rest = taken(TrainData(Stateful("abcd", TypeError), inf), 2)
    assert states(saved) == [{"position": 2}]
    other = TrainData(Stateful("abcd", TypeError), inf)
    other.rewind(saved, 2, epoch=0)
    assert listed(other.batches(2, 0)) == listed(rest) == [(2, "c", False), (3, "d", True)]


def combined(seed, mode, stateful=False):
    """Three loaders of other lengths: shuffled by a generator, shuffled by the global one, and drawn item by item."""
    short = Stateful([10, 11, 12]) if stateful else DataLoader(range(3), batch_size=None, shuffle=True)
    loaders = CombinedLoader({"a": shuffled(seed), "b": [short, DataLoader(Noisy(), 3)]}, mode)
    return TrainData(loaders, int(loaders.size))


def shown(batches):
    return [
        (index, batch["a"].tolist(), *(None if one is None else torch.as_tensor(one).tolist() for one in batch["b"]))
        for index, batch, _ in batches
    ]


@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize("done", [1, 2])
@pytest.mark.parametrize("mode", ["min_size", "max_size_cycle", "max_size"])
def test_several_loaders_go_on_where_they_were_saved(mode, done, stateful):
    torch.manual_seed(1)
    data = combined(1, mode, stateful)
    batches = data.batches(0, epoch=0)
    for _ in range(done):
        next(batches)
    saved, random = data.state_dict(), torch.get_rng_state()
    expected = shown(batches), shown(data.batches(0, 1))
    torch.manual_seed(2)
    other = combined(2, mode, stateful)
    other.rewind(saved, done, epoch=0)
    torch.set_rng_state(random)
    assert (shown(other.batches(done, 0)), shown(other.batches(0, 1))) == expected


def test_a_loader_with_a_state_that_has_started_again_ends_the_cycle_in_time():
    def data():
        return TrainData([Stateful("ab"), Stateful("xyzw")], 4)

    _, saved, rest = taken(data(), 3)
    assert [loader["ended"] for loader in saved["loaders"]] == [True, False]
    other = data()
    other.rewind(saved, 3, epoch=0)
    assert listed(other.batches(3, 0)) == listed(rest) == [(3, ["b", "w"], True)]


def test_a_position_in_another_number_of_loaders_is_refused():
    _, saved, _ = taken(TrainData([range(3), range(3)], 3), 1)
    with pytest.raises(MismatchError, match="made with 2 training loaders, but there are 1"):
        TrainData(range(3), 3).rewind(saved, 1, epoch=0)


def test_loaders_with_and_without_a_length_are_rewound_alike():
    _, saved, rest = taken(TrainData(DataLoader(Stream(4), batch_size=None), inf), 2)
    other = TrainData(DataLoader(Stream(4), batch_size=None), inf)
    other.rewind(saved, 2, epoch=0)
    assert listed(other.batches(2, 0)) == listed(rest) == [(2, 2, False), (3, 3, True)]


def test_a_loader_that_has_become_too_short_for_the_position_is_refused():
    _, saved, _ = taken(TrainData(list("abcd"), 4), 3)
    with pytest.raises(MismatchError, match="after 3 batches, but the training loader has fewer"):
        TrainData(list("ab"), 2).rewind(saved, 3, epoch=7)


def test_a_loader_that_lacks_the_batch_that_had_begun_is_refused():
    _, saved, _ = taken(TrainData(list("abcd"), 4), 3)
    with pytest.raises(MismatchError, match="after 2 batches, but the training loader has fewer"):
        TrainData(list("ab"), 2).rewind(saved, 2, epoch=7)


def test_a_loader_with_other_generators_than_the_saved_one_is_refused():
    _, saved, _ = taken(TrainData(shuffled(), 4), 1)
    with pytest.raises(MismatchError, match="states of 1 random generators .* the loader has 0"):
        TrainData("abcd", 4).rewind(saved, 1, epoch=0)


NO_STATE = torch.zeros(3, dtype=torch.uint8)


def in_loader(saved, **changes):
    return saved | {"loaders": [saved["loaders"][0] | changes]}


def drawn(saved, **changes):
    return saved["loaders"][0]["begun"] | changes


@pytest.mark.parametrize(
    "spoil",
    [
        lambda saved: None,
        lambda saved: [],
        lambda saved: {},
        *(lambda saved, name=name: saved | {name: "wrong"} for name in ("inside", "loaders", "generators")),
        lambda saved: {name: value for name, value in saved.items() if name != "ahead"},
        lambda saved: saved | {"inside": False},
        lambda saved: saved | {"given": -1},
        lambda saved: saved | {"loaders": ["wrong"]},
        lambda saved: saved | {"generators": ["wrong"]},
        lambda saved: saved | {"generators": [NO_STATE]},
        lambda saved: in_loader(saved, begun=None),
        lambda saved: in_loader(saved, begun={}),
        lambda saved: in_loader(saved, first={}),
        lambda saved: in_loader(saved, taken=-1),
        lambda saved: in_loader(saved, ended=None),
        lambda saved: in_loader(saved, workers=1),
        lambda saved: in_loader(saved, begun=drawn(saved, workers=None)),
        lambda saved: in_loader(saved, begun=drawn(saved, generators=3)),
        lambda saved: in_loader(saved, begun=drawn(saved, generators=[NO_STATE])),
        lambda saved: in_loader(saved, first=drawn(saved, generators=[NO_STATE])),
        lambda saved: in_loader(saved, begun=drawn(saved, random={})),
    ],
)
def test_a_malformed_position_is_refused_and_leaves_the_generators_alone(spoil):
    _, saved, _ = taken(TrainData(shuffled(), 4), 1)
    loader = shuffled(2)
    before = loader.generator.get_state()
    with pytest.raises(FormatError, match="another checkpoint"):
        TrainData(loader, 4).rewind(spoil(saved), 0, epoch=0)
    assert torch.equal(loader.generator.get_state(), before)


# The batches of an evaluation


def evaluation(loaders, sizes, mode="sequential"):
    return EvaluationData(CombinedLoader(loaders, mode), sizes)


def test_loaders_are_run_one_after_the_other():
    data = evaluation(["ab", [1, 2]], [2, 2])
    assert list(data.batches(0)) == [("a", 0, 0), ("b", 1, 0), (1, 0, 1), (2, 1, 1)]
    assert data.streams == 2


@pytest.mark.parametrize(
    ("mode", "sizes", "batches"),
    [
        ("min_size", [2, 1], [({"x": "a", "y": 1}, 0, 0)]),
        ("max_size_cycle", [2, 1], [({"x": "a", "y": 1}, 0, 0), ({"x": "b", "y": 2}, 1, 0)]),
        (
            "max_size",
            [inf, 1],
            [({"x": x, "y": y}, i, 0) for i, (x, y) in enumerate([("a", 1), ("b", 2), ("c", None)])],
        ),
        ("max_size", [1, 1], [({"x": "a", "y": 1}, 0, 0)]),
    ],
)
def test_loaders_that_are_combined_side_by_side_are_one(mode, sizes, batches):
    data = evaluation({"x": "abc", "y": [1, 2]}, sizes, mode)
    assert list(data.batches(0)) == batches
    assert data.streams == 1


def test_each_loader_has_its_own_limit_and_one_without_batches_is_passed_over():
    fetched = []
    data = evaluation(["abc", (fetched.append(i) for i in range(3)), "de"], [1, 0, inf])
    assert list(data.batches(0)) == [("a", 0, 0), ("d", 0, 2), ("e", 1, 2)]
    assert fetched == []


@pytest.mark.parametrize("mode", ["sequential", "max_size"])
def test_an_evaluation_fetches_no_batch_beyond_its_limit(mode):
    stream = Stream()
    assert len(list(evaluation([DataLoader(stream, batch_size=None)], [2], mode).batches(0))) == 2
    assert stream.taken == 2


def test_the_first_iterator_is_made_when_the_batches_are_asked_for():
    made = []

    class Loader(Batches):
        def __iter__(self):
            made.append(self.items)
            return iter(self.items)

    batches = evaluation([Loader(""), Loader("a"), Loader("b"), Loader("")], [0, 1, 1, 0]).batches(0)
    assert made == [""]
    assert list(batches) == [("a", 0, 1), ("b", 0, 2)]
    assert made == ["", "a", "b"]  # the last one is not reached


def test_an_evaluation_without_a_length_is_read_one_batch_ahead():
    stream = Stream(3)
    batches = evaluation([DataLoader(stream, batch_size=None), "a"], [inf, 1]).batches(0)
    assert stream.taken == 1
    assert next(batches) == (0, 0, 0)
    assert stream.taken == 2
    assert list(batches) == [(1, 1, 0), (2, 2, 0), ("a", 0, 1)]


def test_the_samplers_of_an_evaluation_are_told_the_epoch():
    told = []
    evaluation([DataLoader(range(4), sampler=Telling(told)) for _ in range(2)], [1, 1]).batches(2)
    assert told == [2, 2]


def test_an_evaluation_reports_a_loader_that_gave_no_batch():
    stream, spent = DataLoader(Stream(0), batch_size=None), iter([])
    with pytest.warns(LeydenWarning) as caught:
        assert list(evaluation([stream, spent, "a"], [inf, inf, 1]).batches(0)) == [("a", 0, 2)]
    first, second = (str(warning.message) for warning in caught)
    assert first == "loader 0 of the evaluation, a DataLoader, gave no batch."
    assert "loader 1 of the evaluation, a list_iterator, gave no batch; an iterator is used up after one" in second


def test_nothing_to_evaluate_gives_no_batches():
    assert list(evaluation([[], []], [0, 0]).batches(0)) == list(evaluation("ab", [0]).batches(0)) == []


def test_a_further_limit_only_shortens():
    data = evaluation(["ab", "cdef", iter("gh")], [2, 4, inf])
    assert data.limited(3).sizes == [2, 3, 3]
    assert data.limited(inf).sizes == data.sizes
    assert data.limited(3).combined is data.combined


# Of a position only the number of batches is known


def skipped(batches, states=(), inside=True):
    return {"inside": inside, "skipped": batches, "states": list(states)}


@pytest.mark.parametrize("size", [5, inf])
def test_a_number_of_batches_is_skipped_in_an_order_that_is_drawn_anew(size):
    data = TrainData(DataLoader(torch.arange(5), shuffle=True), size)
    torch.manual_seed(1)
    whole = [int(batch) for _, batch, _ in data.batches(0, epoch=0)]
    torch.manual_seed(1)
    data.rewind(skipped(2), 2, epoch=0)
    rest = list(data.batches(2, epoch=0))
    assert [int(batch) for _, batch, _ in rest] == whole[2:]
    assert [index for index, _, _ in rest] == [2, 3, 4]
    assert [last for _, _, last in rest] == [False, False, True]


@pytest.mark.parametrize("size", [3, inf])
def test_an_epoch_whose_batches_are_over_gives_no_more_and_the_next_one_all(size):
    data = TrainData(DataLoader(torch.arange(3)), size)
    data.rewind(skipped(3, inside=False), 3, epoch=0)
    assert list(data.batches(3, epoch=0)) == []
    assert [int(batch) for _, batch, _ in data.batches(0, epoch=1)] == [0, 1, 2]


def test_more_batches_than_there_are_cannot_be_skipped():
    for size in (3, inf):
        with pytest.raises(MismatchError, match="was made after 4 batches"):
            TrainData(DataLoader(torch.arange(3)), size).rewind(skipped(4), 4, epoch=0)


def test_a_loader_that_keeps_its_position_is_given_it_and_not_skipped():
    data = TrainData(Remembering(5), 5)
    data.rewind(skipped(2, [{"done": 2}]), 2, epoch=0)
    assert [batch for _, batch, _ in data.batches(2, epoch=0)] == [2, 3, 4]


class Remembering:
    """Numbers from where it is told to begin."""

    def __init__(self, count):
        self.count, self.done = count, 0

    def __iter__(self):
        first, self.done = self.done, 0
        return iter(range(first, self.count))

    def __len__(self):
        return self.count

    def state_dict(self):
        return {"done": self.done}

    def load_state_dict(self, state):
        self.done = state["done"]
