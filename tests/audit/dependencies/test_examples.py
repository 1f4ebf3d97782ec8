"""Each rule's own examples: the bad ones are found, the good ones are not."""

from __future__ import annotations

import pytest
from tests.audit.dependencies.looked import rules

from leyden.audit.dependencies.source import SOURCE

ABOUT_THE_LIST = {"LEY409", "LEY414"}  # which stands in no file of the project
BAD = [(rule.id, text) for rule in SOURCE.rules for text in rule.bad]
GOOD = [(rule.id, text) for rule in SOURCE.rules for text in rule.good]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_bad_example_is_found(rule, text):
    assert rule in rules(text)


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_a_good_example_is_not(rule, text):
    assert rule not in rules(text)


def test_every_rule_has_both():
    assert {rule.id for rule in SOURCE.rules if not (rule.bad and rule.good)} == ABOUT_THE_LIST
