from __future__ import annotations

from math import inf

import pytest
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

import leyden as L
from leyden.data.combined import CombinedLoader, Place, has_state, size_of
from leyden.errors import DataError, DetachedError, MismatchError, SettingsError

SIDE_BY_SIDE = ["min_size", "max_size_cycle", "max_size"]


class Stream(IterableDataset):
    """Knows no length."""

    def __init__(self, length):
        self.length = length

    def __iter__(self):
        return iter(range(self.length))


class Traced:
    """Says when it is begun, asked for a batch and at its end."""

    def __init__(self, name, length, trace):
        self.name, self.length, self.trace = name, length, trace

    def __iter__(self):
        self.trace.append(f"iter {self.name}")
        return self._batches()

    def _batches(self):
        for number in range(self.length):
            self.trace.append(f"{self.name}{number}")
            yield number
        self.trace.append(f"end {self.name}")


class Stateful:
    def __init__(self, length):
        self.length, self.position = length, 0

    def __iter__(self):
        for number in range(1, self.length + 1):
            self.position = number
            yield number

    def state_dict(self):
        return {"position": self.position}

    def load_state_dict(self, state):
        self.position = state["position"]


@pytest.mark.parametrize(
    ("mode", "batches"),
    [
        ("min_size", [{"a": 1, "b": 10}, {"a": 2, "b": 20}]),
        ("max_size_cycle", [{"a": 1, "b": 10}, {"a": 2, "b": 20}, {"a": 3, "b": 10}]),
        ("max_size", [{"a": 1, "b": 10}, {"a": 2, "b": 20}, {"a": 3, "b": None}]),
    ],
)
def test_side_by_side_a_batch_has_one_of_every_loader(mode, batches):
    combined = CombinedLoader({"a": [1, 2, 3], "b": [10, 20]}, mode)
    assert list(combined) == [(batch, index, 0) for index, batch in enumerate(batches)]
    assert len(combined) == len(batches)


def test_in_sequence_a_batch_is_that_of_one_loader_and_says_of_which():
    combined = CombinedLoader([[1, 2], {"x": [10]}], "sequential")
    assert list(combined) == [(1, 0, 0), (2, 1, 0), (10, 0, 1)]
    assert len(combined) == 3


@pytest.mark.parametrize("mode", [*SIDE_BY_SIDE, "sequential"])
def test_a_lone_loader_gives_its_batches_in_every_mode(mode):
    assert list(CombinedLoader([1, 2], mode)) == [(1, 0, 0), (2, 1, 0)]


def test_the_structure_of_the_collection_is_that_of_the_batches():
    combined = CombinedLoader((range(2), {"k": [range(1), range(3)]}), "max_size_cycle")
    assert [batch for batch, *_ in combined] == [(0, {"k": [0, 0]}), (1, {"k": [0, 1]}), (0, {"k": [0, 2]})]


def test_min_size_is_the_mode_of_a_loader_that_was_given_none():
    assert CombinedLoader([range(1), range(2)]).mode == "min_size"


def test_an_unknown_mode_is_refused_with_those_that_are_known():
    with pytest.raises(SettingsError, match="mode='longest' is unknown. Use one of 'min_size', 'max_size_cycle'"):
        CombinedLoader([], "longest")


def test_loaders_without_a_length_are_iterated_to_their_end():
    loaders = [DataLoader(Stream(1), batch_size=None), [5, 6]]
    expected = {
        "min_size": [[0, 5]],
        "max_size_cycle": [[0, 5], [0, 6]],
        "max_size": [[0, 5], [None, 6]],
        "sequential": [0, 5, 6],
    }
    assert {mode: [batch for batch, *_ in CombinedLoader(loaders, mode)] for mode in expected} == expected


@pytest.mark.parametrize(
    ("mode", "size"), [("min_size", 2), ("max_size_cycle", inf), ("max_size", inf), ("sequential", inf)]
)
def test_a_loader_without_a_length_leaves_the_size_open_where_it_decides(mode, size):
    combined = CombinedLoader([DataLoader(Stream(5)), range(2)], mode)
    assert combined.size == size
    iter(combined)
    if size == inf:
        with pytest.raises(TypeError, match="a loader without a length"):
            len(combined)


def test_one_that_is_exhausted_for_good_ends_the_cycle():
    assert [batch for batch, *_ in CombinedLoader([iter([1, 2]), [5, 6, 7]], "max_size_cycle")] == [[1, 5], [2, 6]]
    assert list(CombinedLoader([[], [5, 6]], "max_size_cycle")) == []


def test_an_empty_loader_beside_another_is_none_in_every_batch():
    assert [batch for batch, *_ in CombinedLoader([[], [5, 6]], "max_size")] == [[None, 5], [None, 6]]


@pytest.mark.parametrize(
    ("mode", "trace"),
    [
        ("min_size", "iter a,iter b,a0,b0,end a"),
        ("max_size_cycle", "iter a,iter b,a0,b0,end a,iter a,a0,b1,end a,iter a,a0,end b"),
        ("max_size", "iter a,iter b,a0,b0,end a,b1,end b"),
        ("sequential", "iter a,a0,end a,iter b,b0,b1,end b"),
    ],
)
def test_loaders_are_begun_and_asked_in_a_fixed_order(mode, trace):
    calls = []
    list(CombinedLoader([Traced("a", 1, calls), Traced("b", 2, calls)], mode))
    assert calls == trace.split(",")


def test_iterators_are_made_when_the_iteration_begins():
    calls = []
    iter(CombinedLoader([Traced("a", 1, calls), Traced("b", 1, calls)], "max_size"))
    assert calls == ["iter a", "iter b"]
    calls.clear()
    iter(CombinedLoader([Traced("a", 1, calls), Traced("b", 1, calls)], "sequential"))
    assert calls == ["iter a"]


# Limits


@pytest.mark.parametrize(
    ("limits", "batches"),
    [
        (None, [(0, 0, 0), (1, 1, 0), (2, 2, 0), (0, 0, 1), (1, 1, 1)]),
        (1, [(0, 0, 0), (0, 0, 1)]),
        ([0, 1], [(0, 0, 1)]),
        ([inf, 0], [(0, 0, 0), (1, 1, 0), (2, 2, 0)]),
        (0, []),
    ],
)
def test_in_sequence_every_loader_is_taken_up_to_its_limit(limits, batches):
    combined = CombinedLoader([range(3), range(2)], "sequential")
    combined.limits = limits
    assert list(combined) == batches
    assert len(combined) == len(batches)


@pytest.mark.parametrize(("mode", "length"), [("min_size", 1), ("max_size_cycle", 2), ("max_size", 2)])
def test_side_by_side_limits_say_how_long_the_whole_is(mode, length):
    combined = CombinedLoader([range(3), range(2)], mode)
    combined.limits = [2, 1]
    iter(combined)
    assert len(combined) == length


def test_no_batch_beyond_a_limit_is_fetched():
    calls = []
    combined = CombinedLoader([Traced("a", 2, calls), Traced("b", 2, calls)], "sequential")
    combined.limits = 1
    list(combined)
    assert calls == ["iter a", "a0", "iter b", "b0"]


def test_an_iterator_is_made_of_a_loader_with_the_limit_zero_too():
    calls = []
    combined = CombinedLoader([Traced("a", 1, calls), Traced("b", 1, calls)], "sequential")
    combined.limits = [0, 0]
    assert list(combined) == []
    assert calls == ["iter a", "iter b"]


def test_one_limit_is_that_of_every_loader_and_a_list_needs_one_for_each():
    combined = CombinedLoader([range(3), range(2)])
    assert combined.limits is None
    combined.limits = 4
    assert combined.limits == [4, 4]
    with pytest.raises(SettingsError, match="limits has 3 numbers for 2 loaders"):
        combined.limits = [1, 2, 3]


@pytest.mark.parametrize(("mode", "size"), [("min_size", 1), ("max_size", 5), ("max_size_cycle", 5), ("sequential", 6)])
def test_the_size_of_a_combination_follows_from_those_of_its_loaders(mode, size):
    assert size_of(mode, [5, 1]) == size


# What is read of it


def test_loaders_are_shown_as_they_were_given_and_flat():
    given = {"a": range(1), "b": [range(2), range(3)]}
    combined = CombinedLoader(given)
    assert combined.iterables is given
    assert combined.flattened == [range(1), range(2), range(3)]


def test_other_loaders_can_take_the_place_of_those_that_were_given():
    given = {"a": range(1), "b": [range(2)]}
    combined = CombinedLoader(given)
    combined.flattened = [range(5), range(6)]
    assert combined.iterables == {"a": range(5), "b": [range(6)]}
    assert given == {"a": range(1), "b": [range(2)]}
    with pytest.raises(DataError, match="1 loaders cannot take the place of 2"):
        combined.flattened = [range(1)]


def test_samplers_are_shown_in_the_structure_of_the_collection():
    combined = CombinedLoader({"a": DataLoader(range(2)), "b": [range(3)]})
    assert isinstance(combined.sampler["a"], SequentialSampler)
    assert isinstance(combined.batch_sampler["a"], BatchSampler)
    assert combined.sampler["b"] == combined.batch_sampler["b"] == [None]


@pytest.mark.parametrize("mode", [*SIDE_BY_SIDE, "sequential"])
def test_a_length_and_a_next_batch_need_an_iteration_that_has_begun(mode):
    combined = CombinedLoader([range(2), range(1)], mode)
    for ask in (len, next):
        with pytest.raises(DetachedError, match=r"Call iter\(loader\) first"):
            ask(combined)
    assert iter(combined) is combined
    assert next(combined)[1:] == (0, 0)
    assert len(combined) > 0
    combined.reset()
    with pytest.raises(DetachedError):
        next(combined)


def test_it_is_a_public_name():
    assert L.data.CombinedLoader is CombinedLoader


# What a run that is resumed needs of it


def test_the_states_of_loaders_that_have_one_are_taken_and_given_back():
    loaders = [Stateful(3), range(3), Stateful(5)]
    combined = CombinedLoader(loaders, "max_size_cycle")
    iter(combined)
    next(combined)
    assert combined.state_dicts() == [{"position": 1}, {"position": 1}]
    combined.load_state_dicts([{"position": 2}, {"position": 4}])
    assert [loaders[0].position, loaders[2].position] == [2, 4]
    with pytest.raises(MismatchError, match="1 states for 2 loaders"):
        combined.load_state_dicts([{}])


def test_a_loader_has_a_state_if_it_can_tell_and_take_it():
    assert has_state(Stateful(1))
    assert not has_state(DataLoader(range(1)))


def test_the_place_in_each_loader_is_kept():
    combined = CombinedLoader([range(9), "ab"], "max_size_cycle")
    places = [Place(iter([7, 8]), "before"), Place(iter("b"), "before", "first", taken=1)]
    together = combined.side_by_side(places, note=lambda loader: f"noted of {loader}")
    assert [next(together), next(together)] == [[7, "b"], [8, "a"]]
    assert [(place.begun, place.first, place.taken, place.ended) for place in places] == [
        ("before", "noted of range(0, 9)", 2, False),
        ("noted of ab", "noted of ab", 1, True),
    ]


def test_a_lone_loader_is_iterated_by_its_own_iterator():
    loader = range(3)
    assert type(CombinedLoader(loader).side_by_side()) is type(iter(loader))
