"""Which samples of a dataset the batches of a DataLoader are made of, and that none of them is left out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from copy import copy
from typing import Any, final

from torch.utils.data import BatchSampler, DataLoader, IterableDataset


@final
class NotedBatches:
    """A batch sampler that remembers the indices it has handed out until somebody takes them, in the same order."""

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler
        self._drawn: deque[list[Any]] = deque()

    def __iter__(self) -> Iterator[Any]:
        self._drawn.clear()
        for indices in self._sampler:
            self._drawn.append(list(indices))
            yield indices

    def __len__(self) -> int:
        return len(self._sampler)

    def take(self) -> list[Any]:
        """The indices of the next batch; workers may have fetched others beyond it."""
        return self._drawn.popleft()


def noted(loader: Any) -> tuple[Any, NotedBatches | None]:
    """A loader that gives the same batches, and what tells their samples; None where nothing does.

    Nothing does where the loader is no DataLoader, draws from an iterable dataset, makes no batches, or gives them in
    another order than it has drawn them.
    """
    if not _draws_batches(loader) or not getattr(loader, "in_order", True):
        return loader, None
    notes = NotedBatches(loader.batch_sampler)
    return _with_batch_sampler(loader, notes), notes


def without_drop_last(loader: Any) -> Any:
    """The loader, or one like it whose last batch may be smaller: a prediction is made for every sample."""
    if (
        not _draws_batches(loader)
        or type(loader.batch_sampler) is not BatchSampler
        or not loader.batch_sampler.drop_last
    ):
        return loader
    own = loader.batch_sampler
    return _with_batch_sampler(loader, BatchSampler(own.sampler, own.batch_size, drop_last=False))


def _draws_batches(loader: Any) -> bool:
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return False
    return loader.batch_sampler is not None


def _with_batch_sampler(loader: DataLoader[Any], sampler: Any) -> DataLoader[Any]:
    """A loader that differs in this alone, without a call of its constructor, which may want what nobody knows."""
    other = copy(loader)
    # A DataLoader refuses to have these set; workers that persist belong to the loader that started them.
    vars(other).update(batch_sampler=sampler, _iterator=None)
    return other
