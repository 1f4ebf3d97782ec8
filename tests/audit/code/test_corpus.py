"""How many of the corpus's programs are found, spelling by spelling, and how many harmless ones are."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import pytest
from tests.audit.code.corpus import SINKS, SPELLINGS, Program, programs
from tests.audit.code.programs import rules

# These are not followed, but for functions that are bad wherever they are handed to.
MISSED: Final = frozenset(("list filled later", "setattr", "getattr of a joined text", "reduce", "yielded"))
BY_SPELLING: Final[dict[str, list[Program]]] = defaultdict(list)
for one in programs():
    BY_SPELLING[one.spelling].append(one)


def found(program: Program) -> bool:
    return program.rule in rules(program.text, program.name)


@pytest.mark.parametrize("spelling", sorted(BY_SPELLING))
def test_a_spelling_hides_nothing_and_makes_nothing_up(spelling):
    listed = BY_SPELLING[spelling]
    missed = [one.text for one in listed if one.dangerous and not found(one)]
    assert [one.text for one in listed if not one.dangerous and found(one)] == []
    assert missed == [] or spelling in MISSED


def test_what_is_known_to_be_missed_is_missed():
    """So that the list is shortened when the auditor learns one of them."""
    for spelling in MISSED:
        assert any(one.dangerous and not found(one) for one in BY_SPELLING[spelling])


def test_the_corpus_is_what_the_page_of_measurements_says():
    assert (len(SINKS), len(SPELLINGS) + 1) == (28, 68)
    assert sum(one.dangerous for listed in BY_SPELLING.values() for one in listed) == 28 * 68
