"""Write checkpoints on a thread while training goes on."""

from __future__ import annotations

import contextlib
import mmap
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

import torch

from leyden.checkpoint.save import encoded
from leyden.checkpoint.store import Store, moment_of
from leyden.core.warnings import warn
from leyden.errors import SettingsError
from leyden.security.remote import Place
from leyden.wire.envelope import Leaf
from leyden.wire.safetensors import size_of
from leyden.wire.tree import Encoded

_WORTH_THREADS = 1 << 20  # bytes


@final
@dataclass(frozen=True)
class Ticket:
    """A checkpoint that was handed over to be written."""

    path: Place
    outcome: Future[bool]

    @property
    def settled(self) -> bool:
        """Is it known by now what became of it?"""
        return self.outcome.done()

    @property
    def written(self) -> bool:
        """Is it on the disk? If it could not be written, or was given up, it never will be."""
        return self.outcome.exception() is None and self.outcome.result()


@final
class Writer:
    """Writes checkpoints, at once or in the background, one after the other in the order in which they are given.

    A checkpoint that is written in the background is copied first, so each one in flight takes as much main memory as
    its tensors do. That memory is kept for the next one until the block of ``running`` ends: to get it anew takes
    several times as long as the copying. After one that could not be written, those behind it are given up too, so that
    what is on the disk is always a beginning of what was given; its error is raised where the next one is given, or by
    ``wait``.

    Args:
        most: so many checkpoints may be in flight, then the next one waits; 0 writes each at once.
        store: how they are written.
    """

    def __init__(self, most: int = 0, store: Store | None = None) -> None:
        self.most = most
        self.store = store or Store()
        self.newest: Ticket | None = None
        self._running = 0
        self._threads: ThreadPoolExecutor | None = None
        self._flying: deque[Ticket] = deque()
        self._error: BaseException | None = None
        self._free: deque[mmap.mmap] = deque()  # memory that no checkpoint in flight lies in

    def save(self, tree: Mapping[str, Any], path: Place) -> None:
        """Write a checkpoint; in the background while a block of ``running`` is open.

        Raises:
            EncodeError: something has no encoding. It is always found here.
            WriteError: this one, or one before it, could not be written.
        """
        if not self.most or not self._running:
            self.wait()
            self.store.write(encoded(tree), path, moment_of(tree))
            return
        while len(self._flying) >= self.most:
            wait_for([self._flying[0].outcome])
            self._land()
        if self._error is not None:
            self.wait()
        tensors = encoded(tree)
        memory = self._memory(bytes_in(tensors))
        snapshot = copied(tensors, memory)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="leyden-checkpoint")
        before = self._flying[-1] if self._flying else None
        writing = partial(self.store.write, snapshot, path, moment_of(tree))
        self.newest = Ticket(path, self._threads.submit(_write, writing, before, partial(self._free.append, memory)))
        self._flying.append(self.newest)

    def finish(self) -> None:
        """Wait until everything is written or given up."""
        wait_for([ticket.outcome for ticket in self._flying])
        self._land()

    def wait(self) -> None:
        """Wait until everything is written, and raise the error of what could not be."""
        self.finish()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """A block in which checkpoints are written in the background; at its end, all are written."""
        self._running += 1
        try:
            yield
        except BaseException:
            self.finish()
            if self._error is not None:  # what ended the block counts more
                warn(f"a checkpoint could not be written: {self._error}")
                self._error = None
            raise
        finally:
            self._running -= 1
            if self._threads is not None and not self._running:
                self._threads.shutdown()
                self._threads = None
                self._free.clear()
        self.wait()

    def __getstate__(self) -> dict[str, Any]:
        """Copies and spawned processes write for themselves."""
        return Writer(self.most, self.store).__dict__

    def _memory(self, size: int) -> mmap.mmap:
        """Memory of so many bytes, or more; what is free and too small is given back first."""
        while self._free:
            memory = self._free.popleft()
            if len(memory) >= size:
                return memory
        return mmap.mmap(-1, max(1, size))

    def _land(self) -> None:
        while self._flying and self._flying[0].settled:
            error = self._flying.popleft().outcome.exception()
            self._error = self._error or error


def _write(writing: Callable[[], None], before: Ticket | None, over: Callable[[], None]) -> bool:
    try:
        if before is not None and not before.written:
            return False
        writing()
    finally:
        over()
    return True


def checkpoints_in_flight(asked: object) -> int:
    """How many checkpoints may be in flight; 0 for none, which writes each at once.

    Raises:
        SettingsError: it is neither a switch nor a number.
    """
    if not isinstance(asked, int) or asked < 0:
        raise SettingsError(f"async_checkpointing={asked!r} is neither True or False nor how many may be in flight.")
    return 2 if asked is True else int(asked)  # two, since a save often writes two files


def bytes_in(tree: Encoded) -> int:
    """How much memory the tensors of a tree take."""
    return sum(map(_size, tree.leaves.values()))


def copied(tree: Encoded, memory: mmap.mmap) -> Encoded:
    """The same with its tensors in ``memory``, which nothing that training does can change."""
    whole, position = memoryview(memory), 0
    leaves: dict[str, Leaf] = {}
    for name, leaf in tree.leaves.items():
        part = whole[position : position + _size(leaf)]
        _copy(leaf.read(), part)
        leaves[name] = replace(leaf, read=partial(_same, part))
        position += len(part)
    return replace(tree, leaves=leaves)


def _copy(data: memoryview, place: memoryview) -> None:
    if len(data) < _WORTH_THREADS or data.readonly:
        place[:] = data
        return
    torch.frombuffer(place, dtype=torch.uint8).copy_(torch.frombuffer(data, dtype=torch.uint8))


def _same(data: memoryview) -> memoryview:
    return data


def _size(leaf: Leaf) -> int:
    size = size_of(leaf.dtype, leaf.shape)
    assert size is not None
    return size
