from __future__ import annotations

import os
import random
import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError, SettingsError
from leyden.runtime.seed import (
    isolate_rng,
    random_states,
    reset_seed,
    restore_random_states,
    seed_everything,
    seed_worker,
    workers_are_seeded,
)


@pytest.fixture(autouse=True)
def own_streams_and_environment(monkeypatch):
    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
        monkeypatch.setenv(name, "")  # so that monkeypatch puts back what was there
        monkeypatch.delenv(name)
    with isolate_rng():
        yield


def draws() -> tuple[float, ...]:
    """The next numbers of every stream."""
    return random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), *torch.randn(3).tolist()


def seed_by_hand(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@pytest.mark.parametrize("seed", [0, 42, 2**32 - 1])
def test_seeding_everything_seeds_each_stream_as_its_own_library_would(seed):
    seed_by_hand(seed)
    expected = draws()
    assert seed_everything(seed) == seed
    assert draws() == expected


@pytest.mark.parametrize("seed", [7, "7", 7.0, np.int64(7), torch.tensor(7)])
def test_any_whole_number_is_a_seed(seed):
    assert seed_everything(seed) == 7
    assert os.environ["PL_GLOBAL_SEED"] == "7"


@pytest.mark.parametrize("seed", [-1, 2**32, 10e9, float("inf"), float("nan"), "seven", "1.5", [1]])
def test_what_is_no_seed_is_refused_and_changes_nothing(seed):
    before = random_states()
    with pytest.raises(SettingsError, match="whole number from 0 to 4294967295"):
        seed_everything(seed)
    assert same(random_states(), before)
    assert "PL_GLOBAL_SEED" not in os.environ


def test_without_a_seed_that_of_the_environment_is_taken(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "17")
    assert seed_everything() == 17


def test_a_seed_that_is_given_counts_more_than_the_environment(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "17")
    assert seed_everything(3) == 3
    assert seed_everything() == 3


def test_a_malformed_seed_in_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "17 or so")
    with pytest.raises(SettingsError, match="PL_GLOBAL_SEED in the environment is '17 or so'"):
        seed_everything()


def test_without_any_seed_it_is_zero_with_a_warning():
    with pytest.warns(LeydenWarning, match="the seed is 0"):
        assert seed_everything() == 0


def test_without_any_seed_a_quiet_call_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert seed_everything(verbose=False) == 0


def test_the_seed_is_logged_unless_the_call_is_quiet(caplog):
    with caplog.at_level("INFO", logger="leyden"):
        seed_everything(3, verbose=False)
        assert caplog.messages == []
        seed_everything(3)
        assert caplog.messages == ["Seed set to 3 on rank 0"]


def test_child_processes_learn_whether_workers_are_seeded():
    assert not workers_are_seeded()
    seed_everything(3, workers=True)
    assert (os.environ["PL_SEED_WORKERS"], workers_are_seeded()) == ("1", True)
    seed_everything(3)
    assert (os.environ["PL_SEED_WORKERS"], workers_are_seeded()) == ("0", False)


@pytest.mark.parametrize("workers", [False, True])
def test_resetting_seeds_again_as_before(workers):
    seed_everything(123, workers=workers)
    before = draws()
    reset_seed()
    assert draws() == before
    assert workers_are_seeded() is workers


def test_resetting_does_nothing_where_nothing_was_seeded():
    before = random_states()
    reset_seed()
    assert same(random_states(), before)
    assert "PL_GLOBAL_SEED" not in os.environ


def test_an_isolated_block_leaves_every_stream_where_it_was():
    seed_by_hand(1)
    expected = draws()
    seed_by_hand(1)
    with isolate_rng():
        draws()
    assert draws() == expected


def test_an_isolated_block_that_fails_leaves_every_stream_where_it_was():
    seed_by_hand(1)
    expected = draws()
    seed_by_hand(1)
    with pytest.raises(ZeroDivisionError), isolate_rng():
        sum(draws()) / 0
    assert draws() == expected


def same(left: object, right: object) -> bool:
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def test_the_streams_go_on_from_states_that_were_saved():
    seed_by_hand(5)
    random.gauss(0, 1)  # the second number of each pair waits inside Python and numpy
    np.random.randn()
    states = random_states()
    expected = draws()
    seed_by_hand(6)
    restore_random_states(states)
    assert draws() == expected


def test_saved_states_are_plain_data_and_tensors():
    def leaves(value):
        return [leaf for item in value.values() for leaf in leaves(item)] if isinstance(value, dict) else [value]

    assert {type(leaf) for leaf in leaves(random_states())} <= {bytes, float, type(None), torch.Tensor}


def with_change(states: dict, path: str, value: object) -> dict:
    stream, _, key = path.partition(".")
    return {**states, stream: {**states[stream], key: value} if key else value}


ZEROS = bytes(2500)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("python", None),
        ("python", {}),
        ("python.words", b"short"),
        ("python.words", ZEROS),
        ("python.words", b"\1" * 2496 + b"\xff\xff\0\0"),
        ("python.gauss", "0.5"),
        ("python.gauss", 1),
        ("numpy", [1]),
        ("numpy.words", "x" * 2500),
        ("numpy.words", b"\1" * 2496 + b"\x71\x02\0\0"),
        ("numpy.gauss", True),
        ("torch", None),
        ("torch", b"\0" * 5056),
        ("torch", torch.zeros(5056)),
        ("torch", torch.zeros(16, dtype=torch.uint8)),
        ("torch", torch.zeros(1, 5056, dtype=torch.uint8)),
        ("torch", torch.zeros(5056, dtype=torch.uint8)),
        ("cuda", "all"),
    ],
)
def test_malformed_states_are_refused_and_change_nothing(path, value):
    states = random_states()
    seed_by_hand(9)
    before = random_states()
    with pytest.raises(FormatError, match="malformed"):
        restore_random_states(with_change(states, path, value))
    assert same(random_states(), before)


def test_a_position_past_the_end_is_the_only_fault_of_these_words():
    states = random_states()
    changed = with_change(states, "numpy.words", b"\1" * 2496 + b"\x70\x02\0\0")
    restore_random_states(changed)
    assert same(random_states(), changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda states: states.pop("python"),
        lambda states: states.pop("torch"),
        lambda states: states.clear(),
        lambda states: states.update(os=1),
        lambda states: states.update({3: 1}),
    ],
    ids=["no python", "no torch", "nothing", "one more", "a number"],
)
def test_states_that_lack_a_stream_or_have_an_unknown_one_are_refused(change):
    states = random_states()
    change(states)
    with pytest.raises(FormatError, match="dictionary of python and torch"):
        restore_random_states(states)


def test_states_that_are_no_dictionary_are_refused():
    with pytest.raises(FormatError, match="dictionary of python and torch"):
        restore_random_states([random_states()])


def test_states_from_a_machine_with_accelerators_restore_on_one_without():
    other = torch.zeros(16, dtype=torch.uint8)
    states = random_states() | {"cuda": [other, other]} | ({} if torch.backends.mps.is_available() else {"mps": other})
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    seed_by_hand(9)
    restore_random_states(states)
    assert torch.equal(torch.get_rng_state(), states["torch"])


def seeded_worker(base: int, rank: int, worker: int) -> tuple[float, ...]:
    with isolate_rng():
        torch.manual_seed(base + worker)  # as torch does before it calls worker_init_fn
        seed_worker(worker, rank)
        return draws()


def test_a_worker_draws_the_same_again():
    assert seeded_worker(10, 0, 1) == seeded_worker(10, 0, 1)


def test_no_two_workers_ranks_or_passes_share_a_stream():
    runs = [seeded_worker(base, rank, worker) for base in (10, 11) for rank in (0, 1) for worker in (0, 1)]
    for stream in zip(*runs, strict=True):
        assert len(set(stream)) == len(runs)


class Noise(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.tensor([random.random(), np.random.rand(), torch.rand(()).item()], dtype=torch.float64)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # torch has threads of its own by now
def test_workers_of_a_loader_draw_the_same_in_every_run_and_differ_by_rank(monkeypatch):
    def epochs(rank):
        monkeypatch.setenv("RANK", str(rank))
        seed_everything(3, workers=True, verbose=False)
        loader = DataLoader(
            Noise(), num_workers=2, worker_init_fn=seed_worker, multiprocessing_context="fork", batch_size=None
        )
        return [torch.stack(list(loader)) for _ in range(2)]

    first, second = epochs(0)
    again, _ = epochs(0)
    other_rank, _ = epochs(1)
    assert torch.equal(first, again)
    seen = torch.cat([first, second, other_rank])
    assert len(torch.unique(seen, dim=0)) == len(seen)
