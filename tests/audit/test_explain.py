from __future__ import annotations

import re
from argparse import ArgumentParser

from tests.audit.marks import BAD

from leyden.audit.explain import markdown, references, table
from leyden.audit.finding import Place, Rule, Severity
from leyden.audit.rules.every import RULES
from leyden.cli.main import COMMANDS


def test_a_rule_is_told_with_references_and_examples():
    told = markdown(BAD)
    for part in ("# LEY901 bad-word: A line says BAD", "[CVE-2025-32434]", "## Found\n\n```\nBAD\n```", "## Not found"):
        assert part in told


def test_each_kind_of_advisory_has_its_address():
    names = ("CVE-2020-1", "GHSA-x", "VU#252619", "PYSEC-2021-874")
    rule = Rule("LEY1", "n", "t", Severity.LOW, None, "w", "m", advisories=names)
    assert [address.split("/")[2] for _, address in references(rule)] == [
        "nvd.nist.gov",
        "github.com",
        "www.kb.cert.org",
        "osv.dev",
    ]


def test_the_table_has_a_row_for_each_rule():
    assert len(table(RULES).splitlines()) == len(RULES) + 2


def test_every_rule_has_an_id_a_name_and_texts_of_its_own():
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
    for name, rule in RULES.items():
        assert (name, rule.id[:3], len(rule.id)) == (rule.id, "LEY", 6)
        assert rule.name == rule.name.lower().replace(" ", "-")
        assert not rule.title.endswith(".")
        assert rule.why.endswith(".")
        assert rule.mend.endswith(".")
        assert rule.at(Place("a"), "x").rule == name


def test_every_command_that_a_rule_advises_exists():
    for rule in RULES.values():
        for command, option in re.findall(r"`leyden ([a-z-]+)[^`]*?(?: (--[a-z-]+)[^`]*)?`", rule.mend + rule.why):
            parser = ArgumentParser()
            COMMANDS[command].arguments(parser)
            assert option in parser.format_help()
