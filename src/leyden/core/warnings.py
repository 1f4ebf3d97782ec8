"""Warnings that show the user's own line."""

from __future__ import annotations

import sys
import warnings
from typing import Final

from leyden.redaction import redact_text

# Frames of these packages stand between the user's line and the warning and explain nothing.
_IN_BETWEEN: Final = frozenset({"leyden", "torch", "contextlib", "functools", "copy"})


class LeydenWarning(UserWarning):
    """Something that works and is probably not what was meant."""


class LeydenDeprecationWarning(DeprecationWarning):
    """Something that works and will not in a later version."""


class LeydenRuntimeWarning(LeydenWarning, RuntimeWarning):
    """The same about learning-rate schedulers, where programs expect a RuntimeWarning."""


def warn(message: str, category: type[Warning] = LeydenWarning) -> None:
    """Warn at the nearest line that belongs to neither Leyden nor torch."""
    message = redact_text(message)
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _IN_BETWEEN:
        level += 1
        frame = frame.f_back
    warnings.warn(message, category, stacklevel=level)
