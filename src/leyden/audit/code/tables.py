"""All checks by what they are called for: the path of a function, the name of a method, the name of an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from leyden.audit.code import loads, surroundings, training
from leyden.audit.code.program import Check


def _merged(tables: Sequence[Mapping[str, Check]]) -> Mapping[str, tuple[Check, ...]]:
    merged: dict[str, tuple[Check, ...]] = {}
    for name, check in chain.from_iterable(table.items() for table in tables):
        merged[name] = (*merged.get(name, ()), check)
    return merged


CALLS: Final = _merged((loads.CALLS, training.CALLS, surroundings.CALLS))
METHODS: Final = _merged((loads.METHODS, training.METHODS, surroundings.METHODS))
KEYWORDS: Final = _merged((loads.KEYWORDS, surroundings.KEYWORDS))
