"""Each rule's own examples: the bad ones are found, the good ones are not."""

from __future__ import annotations

import pytest
from tests.audit.code.programs import rules

from leyden.audit.code.source import SOURCE

BAD = [(rule.id, text) for rule in SOURCE.rules for text in rule.bad]
GOOD = [(rule.id, text) for rule in SOURCE.rules for text in rule.good]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_bad_example_is_found(rule, text):
    assert rule in rules(text)


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_a_good_example_is_not(rule, text):
    assert rule not in rules(text)


def test_every_rule_has_both_and_there_are_many():
    assert len(SOURCE.rules) >= 40
    assert all(rule.bad and rule.good for rule in SOURCE.rules)
