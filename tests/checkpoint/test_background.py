from __future__ import annotations

import concurrent.futures
import errno
import threading

import pytest
import torch

from leyden.checkpoint import store
from leyden.checkpoint.background import Writer, checkpoints_in_flight
from leyden.checkpoint.load import load
from leyden.checkpoint.save import write
from leyden.core.warnings import LeydenWarning
from leyden.errors import EncodeError, SettingsError


class Disk:
    """Writes when it is let, and fails where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, full_at: str = "") -> None:
        self.full_at, self.begun, self.free = full_at, [], threading.Event()
        self.free.set()
        monkeypatch.setattr(store, "write", self)

    def __call__(self, tree, path, *how):
        self.begun.append(path.name)
        assert self.free.wait(10)
        if path.name == self.full_at:
            raise OSError(errno.ENOSPC, "the disk is full")
        return write(tree, path, *how)


def test_what_is_written_is_what_was_given_whatever_becomes_of_the_tensors(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    weights, flags = torch.arange(2**19, dtype=torch.float32), [1, 2]
    tree = {
        "weights": weights,
        "tied": weights,
        "few": torch.ones(3),
        "none": torch.ones(0),
        "flags": flags,
        "b": b"x" * 5000,
    }
    disk.free.clear()
    writer = Writer(1)
    with writer.running():
        writer.save(tree, tmp_path / "a")
        assert not (tmp_path / "a").exists()  # training goes on meanwhile
        weights.zero_()
        tree["few"].zero_()
        flags.append(3)
        disk.free.set()
    found = load(tmp_path / "a")
    assert torch.equal(found["weights"], torch.arange(2**19, dtype=torch.float32))
    assert found["tied"].data_ptr() == found["weights"].data_ptr()
    assert found["few"].tolist() == [1, 1, 1]
    assert (found["flags"], found["b"], found["none"].numel()) == ([1, 2], b"x" * 5000, 0)


def test_checkpoints_are_written_in_the_order_in_which_they_were_given(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    writer = Writer(3)
    with writer.running():
        for name in "abcdef":
            writer.save({"x": torch.ones(1)}, tmp_path / name)
    assert disk.begun == [*"abcdef"]


def test_no_more_are_in_flight_than_asked_for(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    disk.free.clear()
    writer, given = Writer(2), []

    def give() -> None:
        for name in "abc":
            writer.save({}, tmp_path / name)
            given.append(name)

    with writer.running():
        giver = threading.Thread(target=give)
        giver.start()
        giver.join(0.3)
        assert given == ["a", "b"]
        disk.free.set()
        giver.join(10)
    assert given == ["a", "b", "c"]


def test_an_error_comes_with_the_next_checkpoint_and_what_was_behind_it_is_given_up(tmp_path, monkeypatch):
    disk = Disk(monkeypatch, full_at="b")
    disk.free.clear()
    writer, tickets = Writer(3), []
    with writer.running():
        for name in "abc":
            writer.save({}, tmp_path / name)
            tickets.append(writer.newest)
        disk.free.set()
        concurrent.futures.wait([ticket.outcome for ticket in tickets])
        with pytest.raises(OSError, match="the disk is full"):
            writer.save({}, tmp_path / "d")
        assert [ticket.written for ticket in tickets] == [True, False, False]
        writer.save({}, tmp_path / "e")  # the error was told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "e"]


def test_an_error_of_the_last_checkpoint_comes_at_the_end(tmp_path, monkeypatch):
    Disk(monkeypatch, full_at="a")
    writer = Writer(1)
    with pytest.raises(OSError, match="the disk is full"), writer.running():
        writer.save({}, tmp_path / "a")


def test_an_exception_waits_for_what_is_in_flight_and_comes_before_its_errors(tmp_path, monkeypatch):
    writer = Writer(2)

    def fails(name: str, error: BaseException) -> None:
        with writer.running():
            writer.save({}, tmp_path / name)
            raise error

    with pytest.raises(KeyboardInterrupt):
        fails("a", KeyboardInterrupt())
    assert (tmp_path / "a").exists()
    Disk(monkeypatch, full_at="b")
    message = "could not be written: .*the disk is full"
    with pytest.warns(LeydenWarning, match=message), pytest.raises(ValueError, match="mine"):
        fails("b", ValueError("mine"))


def test_what_has_no_encoding_is_an_error_at_once(tmp_path):
    writer = Writer(1)
    with writer.running(), pytest.raises(EncodeError, match="x"):
        writer.save({"x": threading.Lock()}, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("most", [0, 2])
def test_without_a_run_or_by_default_a_checkpoint_is_there_at_once(tmp_path, most):
    writer = Writer(most)
    writer.save({}, tmp_path / "a")
    assert (tmp_path / "a").exists()
    assert writer.newest is None


def test_a_copy_of_a_writer_has_nothing_in_flight(tmp_path):
    writer = Writer(2)
    with writer.running():
        writer.save({}, tmp_path / "a")
        assert writer.__getstate__() == Writer(2, writer.store).__dict__


def memories_of(writer, trees, tmp_path, monkeypatch):
    """The addresses and sizes of the memory that the tensors of each of these trees are written from."""
    found = []

    def look(tree, *_):
        found.append({(id(leaf.read().obj), len(leaf.read().obj)) for leaf in tree.leaves.values()})
        return "0" * 64

    monkeypatch.setattr(store, "write", look)
    for tree in trees:
        writer.save(tree, tmp_path / "a")
        writer.wait()
    return found


def test_a_snapshot_takes_no_more_memory_than_its_tensors(tmp_path, monkeypatch):
    writer, tree = Writer(1), {"x": torch.ones(1000), "same": None, "y": torch.ones(3, dtype=torch.uint8)}
    with writer.running():
        (held,) = memories_of(writer, [tree], tmp_path, monkeypatch)
    assert [size for _, size in held] == [4003]


def test_the_memory_of_a_snapshot_serves_the_next_one_that_fits_and_is_given_back_with_the_run(tmp_path, monkeypatch):
    writer = Writer(1)
    trees = [{"x": torch.ones(count)} for count in (1000, 1000, 10, 2000, 1000)]
    with writer.running():
        first, second, less, more, again = memories_of(writer, trees, tmp_path, monkeypatch)
        assert first == second == less
        assert [size for _, size in more] == [8000]
        assert more == again
        assert [len(memory) for memory in writer._free] == [8000]
    assert not writer._free


def test_two_snapshots_in_flight_lie_in_memory_of_their_own(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    writer, weights = Writer(2), torch.zeros(2**18)
    with writer.running():
        for name in "abcd":
            disk.free.clear()
            writer.save({"x": weights.fill_(ord(name))}, tmp_path / name)
            if name in "bd":
                disk.free.set()
                writer.wait()
    assert [load(tmp_path / name)["x"].unique().tolist() for name in "abcd"] == [[97], [98], [99], [100]]


@pytest.mark.parametrize(("asked", "most"), [(False, 0), (True, 2), (1, 1), (5, 5), (0, 0)])
def test_a_number_says_how_many_may_be_in_flight(asked, most):
    assert checkpoints_in_flight(asked) == most


@pytest.mark.parametrize("asked", [-1, 1.5, "yes", None])
def test_anything_else_is_refused(asked):
    with pytest.raises(SettingsError, match="async_checkpointing"):
        checkpoints_in_flight(asked)
