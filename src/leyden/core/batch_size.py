"""How many samples a batch holds, guessed from its first tensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from leyden.core.warnings import warn
from leyden.errors import LogError


def batch_size_of(batch: Any) -> int:
    """The length of the first tensor found in the batch; warns if other tensors disagree.

    Raises:
        LogError: there is no tensor in the batch.
    """
    sizes = _sizes(batch)
    size = next(sizes, None)
    if size is None and isinstance(batch, Iterator):
        raise LogError(
            "The step takes its batches from dataloader_iter itself, so the batch size, which weighs the mean of the "
            "epoch, is unknown. Say it: self.log(..., batch_size=...)."
        )
    if size is None:
        raise LogError(
            f"The batch ({type(batch).__name__}) holds no tensor, so its size, which weighs the mean of the epoch, is "
            "unknown. Say it: self.log(..., batch_size=...)."
        )
    for other in sizes:
        if other != size:
            warn(
                f"The batch holds tensors of length {size} and {other}; self.log weighs the means of the epoch with "
                f"{size}, the first. If that is not the number of samples, say it: self.log(..., batch_size=...)."
            )
            break
    return size


def first_size(batch: Any) -> int | None:
    """The length of the first tensor found in the batch; None where there is none."""
    return next(_sizes(batch), None)


def _sizes(batch: Any) -> Iterator[int]:
    if isinstance(batch, Tensor):
        yield batch.size(0) if batch.ndim else 1
    elif isinstance(batch, str | bytes):
        return
    elif isinstance(batch, Mapping):
        for value in batch.values():
            yield from _sizes(value)
    elif isinstance(batch, Iterable) and not isinstance(batch, Iterator):
        for value in batch:
            yield from _sizes(value)
    elif dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        for field in dataclasses.fields(batch):
            yield from _sizes(getattr(batch, field.name))
