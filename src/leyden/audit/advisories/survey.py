"""What is wrong with the list of bad releases itself, told once for a project that has something to compare with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import islice
from typing import Final

from leyden.audit.dependencies.kinds import kind
from leyden.audit.finding import Place, Record, Survey
from leyden.audit.rules.dependencies import LIST_REFUSED, OLD_LIST

OLD: Final = 180  # days
_MOST: Final = 10_000  # names of a directory that are looked at


def survey(root: str, path: str, wrong: str, today: date) -> Survey:
    """``path`` is the list that counts, ``wrong`` why a newer one does not."""
    return Survey("advisories", partial(_look, root, path, wrong, today), (OLD_LIST, LIST_REFUSED))


def _look(root: str, path: str, wrong: str, today: date) -> Iterator[Record]:
    if wrong:
        yield LIST_REFUSED.at(Place(root), wrong, key="refused")
    if not _declares(root):
        return
    from leyden.audit.advisories.listed import listed  # here: most audits never come so far

    known = listed(path)
    days = (today - known.date).days
    if days > OLD:
        text = f"List {known.number} is of {known.date}, {days:,} days ago."
        yield OLD_LIST.at(Place(root), text, key="old")


def _declares(root: str) -> bool:
    """Does the project declare dependencies where most do?"""
    with os.scandir(root) as entries:
        return any(kind(entry.name) for entry in islice(entries, _MOST))
