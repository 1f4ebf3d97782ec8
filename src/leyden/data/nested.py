"""Collections of loaders: taken apart into leaves, and put together again from what the leaves gave."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

Build = Callable[[Iterator[Any]], Any]
"""Makes a collection of the same structure, taking its leaves from an iterator in order."""


def flatten(collection: Any) -> tuple[list[Any], Build]:
    """The leaves of a nesting of lists, tuples and dicts, and what puts others in their place.

    A collection is itself a leaf where it holds nothing that can be iterated: a list of numbers is a loader of numbers.
    """
    leaves: list[Any] = []
    return leaves, _walk(collection, leaves)


def can_be_iterated(value: Any) -> bool:
    """Does ``for`` take it? A map-style dataset counts, which has only ``__getitem__``."""
    return isinstance(value, Iterable) or callable(getattr(value, "__getitem__", None))


def _walk(node: Any, leaves: list[Any]) -> Build:
    kind: Any = type(node)
    if kind in (dict, OrderedDict, defaultdict) and _holds_loaders(node.values()):
        fill: Callable[[list[tuple[Any, Any]]], Any] = kind
        if kind is defaultdict:
            fill = partial(kind, node.default_factory)
        keys, inner = list(node), [_walk(value, leaves) for value in node.values()]
        return lambda parts: fill([(key, build(parts)) for key, build in zip(keys, inner, strict=True)])
    named = isinstance(node, tuple) and callable(getattr(node, "_make", None))
    if (kind in (list, tuple, deque) or named) and _holds_loaders(node):
        gather: Callable[[list[Any]], Any] = node._make if named else kind
        inner = [_walk(value, leaves) for value in node]
        return lambda parts: gather([build(parts) for build in inner])
    leaves.append(node)
    return next


def _holds_loaders(values: Iterable[Any]) -> bool:
    return any(can_be_iterated(value) and not isinstance(value, str) for value in values)
