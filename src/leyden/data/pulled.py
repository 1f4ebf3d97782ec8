"""Batches that a step takes itself: those of a step with a parameter named ``dataloader_iter``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

Taken = tuple[Any, int, int]
"""A batch, its number and the number of its loader."""


class NoBatchError(Exception):
    """A step asked for a batch and there was none: the epoch is over, without this step."""


@final
class Pulled(Iterator[Taken]):
    """What such a step is given, and hooks look at. Batches come as the loader made them, on no other device.

    Args:
        batches: the batches, each with the answer to whether it is the last.
        taken: batches that were taken before.
    """

    def __init__(self, batches: Iterator[tuple[Taken, bool]], taken: int = 0) -> None:
        self.last_taken: Taken = (None, 0, 0)
        self.taken = taken
        self.done = False
        self._batches = batches

    def __next__(self) -> Taken:
        if self.done:
            raise StopIteration
        self.last_taken, self.done = next(self._batches)
        self.taken += 1
        return self.last_taken
