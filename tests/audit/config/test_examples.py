"""Each rule's own examples, the file's name on their first line: the bad ones are found, the good ones are not."""

from __future__ import annotations

import pytest
from tests.audit.config.reading import rules

from leyden.audit.config.source import SOURCE

BAD = [(rule.id, text) for rule in SOURCE.rules for text in rule.bad]
GOOD = [(rule.id, text) for rule in SOURCE.rules for text in rule.good]


def told(example: str) -> list[str]:
    name, _, text = example.partition(":\n")
    return rules(text, name)


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_a_bad_example_is_found(rule, example):
    assert rule in told(example)


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_a_good_example_is_not(rule, example):
    assert rule not in told(example)


def test_every_rule_has_both():
    assert len(SOURCE.rules) >= 35
    assert all(rule.bad and rule.good for rule in SOURCE.rules)
