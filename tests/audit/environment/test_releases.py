from __future__ import annotations

import pytest
from tests.audit.environment.environments import environment, found, install, rules

from leyden.audit.finding import Severity
from leyden.audit.rules.environment import COMPROMISED_INSTALLED, LOOK_ALIKE_INSTALLED, VULNERABLE_INSTALLED

RULES = (VULNERABLE_INSTALLED, COMPROMISED_INSTALLED, LOOK_ALIKE_INSTALLED)
BAD = [(rule.id, text) for rule in RULES for text in rule.bad]
GOOD = [text for rule in RULES for text in rule.good]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_bad_example_is_found(tmp_path, rule, text):
    install(environment(tmp_path), *text.split())
    assert [one for one, _ in rules(tmp_path)] == [rule]


@pytest.mark.parametrize("text", GOOD)
def test_a_good_example_is_not(tmp_path, text):
    install(environment(tmp_path), *text.split())
    assert rules(tmp_path) == []


def test_the_weaknesses_of_a_release_are_one_finding_with_one_way_out(tmp_path):
    info = install(environment(tmp_path), "torch", "2.5.1+cu124")
    (one,) = found(tmp_path)
    assert one.severity is Severity.CRITICAL
    assert "torch 2.5.1+cu124 is named by CVE-2025-32434" in one.message
    assert one.mend.startswith("Install torch 2.")
    assert one.place.path == str(info)


def test_a_compromised_release_says_what_to_do_beyond_removing_it(tmp_path):
    install(environment(tmp_path), "lightning", "2.6.3")
    (one,) = found(tmp_path)
    assert one.severity is Severity.CRITICAL
    assert "leyden which-models --package lightning==2.6.3`" in one.mend


@pytest.mark.parametrize("version", ["", "no version", "1" * 300])
def test_a_version_that_is_none_is_no_error(tmp_path, version):
    install(environment(tmp_path), "torch", version[:100])
    assert rules(tmp_path) == []


def test_a_name_that_stands_in_for_another_is_a_note(tmp_path):
    install(environment(tmp_path), "sklearn", "0.0")
    assert rules(tmp_path) == [("LEY433", "info")]
