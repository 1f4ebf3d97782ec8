"""Which checkpoints are among the best k: the decisions, without files and without a trainer."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Literal, SupportsFloat

Mode = Literal["min", "max"]
Scores = Mapping[str, SupportsFloat]

ALL = -1
"""As k: every checkpoint is kept."""


def better(mode: Mode, score: SupportsFloat, than: SupportsFloat) -> bool:
    """Strictly better, so that of equals the older one stays; NaN is better than nothing."""
    return float(score) < float(than) if mode == "min" else float(score) > float(than)


def worst_possible(mode: Mode) -> float:
    """What NaN counts as."""
    return inf if mode == "min" else -inf


def best(scores: Scores, mode: Mode) -> str:
    """The path of the best score, the oldest of equals."""
    choose = min if mode == "min" else max
    return choose(scores, key=lambda path: float(scores[path]))


def worst(scores: Scores, mode: Mode) -> str:
    """The path of the worst score, the oldest of equals: the one that leaves next."""
    choose = max if mode == "min" else min
    return choose(scores, key=lambda path: float(scores[path]))


def admits(scores: Scores, k: int, score: SupportsFloat, mode: Mode) -> bool:
    """Does a score enter the best k?"""
    if k == ALL or len(scores) < k:
        return True
    return k > 0 and better(mode, score, scores[worst(scores, mode)])


def leaving(scores: Scores, k: int, mode: Mode) -> str | None:
    """The path that leaves when one more enters the best k; None while there is room."""
    return worst(scores, mode) if 0 < k <= len(scores) else None
