"""Which samples of a dataset the batches of a DataLoader are made of, and that none of them is left out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from copy import copy
from typing import Any, final

from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler


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
    return _with(loader, batch_sampler=notes), notes


def without_drop_last(loader: Any) -> Any:
    """The loader, or one like it whose last batch may be smaller: a prediction is made for every sample."""
    if (
        not _draws_batches(loader)
        or type(loader.batch_sampler) is not BatchSampler
        or not loader.batch_sampler.drop_last
    ):
        return loader
    own = loader.batch_sampler
    return _with(loader, batch_sampler=BatchSampler(own.sampler, own.batch_size, drop_last=False))


def in_order(loader: Any) -> Any:
    """The loader, or one like it that does not shuffle: it draws the samples in the order of the dataset.

    An iterable dataset has its own order, and a batch sampler that the program made keeps its own.
    """
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset) or _is_in_order(loader):
        return loader
    sampler = SequentialSampler(loader.dataset)  # type: ignore[arg-type]
    batches = None if loader.batch_size is None else BatchSampler(sampler, loader.batch_size, loader.drop_last)
    return _with(loader, sampler=sampler, batch_sampler=batches)


def has_own_order(loader: Any) -> bool:
    """Does a batch sampler that the program made decide the order, whatever the sampler?"""
    return _draws_batches(loader) and getattr(loader.batch_sampler, "sampler", None) is not loader.sampler


def _is_in_order(loader: DataLoader[Any]) -> bool:
    return isinstance(loader.sampler, SequentialSampler)  # also that of a loader with a batch sampler of its own


def _draws_batches(loader: Any) -> bool:
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return False
    return loader.batch_sampler is not None


def _with(loader: DataLoader[Any], **samplers: Any) -> DataLoader[Any]:
    """A loader that differs in this alone, without a call of its constructor, which may want what nobody knows."""
    other = copy(loader)
    # A DataLoader refuses to have these set; workers that persist belong to the loader that started them.
    vars(other).update(samplers, _iterator=None)
    return other
