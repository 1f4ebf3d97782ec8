"""How many batches a loader gives, and how many of them a limit takes."""

from __future__ import annotations

from collections.abc import Sized
from math import inf
from typing import Any

from leyden.errors import SettingsError


def length_of(loader: Any) -> int | None:
    """The number of batches of a loader, or None where only iterating tells."""
    if not isinstance(loader, Sized):
        return None
    try:
        return len(loader)
    except (TypeError, NotImplementedError):  # a DataLoader has __len__ even where its dataset does not
        return None


def batches_of(loader: Any, limit: int | float, argument: str) -> int | float:
    """How many batches of a loader a run takes: an int, or inf where the loader does not know.

    Args:
        loader: any iterable.
        limit: an int is a count, a float a fraction of the loader.
        argument: the name of the limit, for messages.

    Raises:
        SettingsError: a fraction of a loader without a length, or one that leaves no batch.
    """
    length = length_of(loader)
    if isinstance(limit, int):
        return limit if length is None else min(limit, length)
    if length is None:
        if limit in (0.0, 1.0):
            return inf if limit else 0
        raise SettingsError(
            f"{argument}={limit} is a fraction, but {type(loader).__name__} has no length to take it of. "
            f"Give {argument} a whole number of batches."
        )
    taken = int(length * limit)
    if taken == 0 < limit and length > 0:
        raise SettingsError(
            f"{argument}={limit} of {length} batches is less than one batch. "
            f"Use {argument}=1 for one batch, or a larger fraction."
        )
    return taken
