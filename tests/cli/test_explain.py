from __future__ import annotations

import pytest

from leyden.audit.rules.every import RULES
from leyden.cli.main import main


def test_all_rules_are_listed(capsys):
    assert main(["explain"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == list(RULES)


@pytest.mark.parametrize("wanted", ["LEY003", "ley003", "over-limit"])
def test_a_rule_is_told_by_id_or_name(capsys, wanted):
    assert main(["explain", wanted]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# LEY003 over-limit: ")
    assert "makes the audit end with 2" in shown
    assert "https://cwe.mitre.org/data/definitions/400.html" in shown
    assert "## How to mend it" in shown


def test_what_is_no_rule_offers_the_nearest(capsys):
    assert main(["explain", "over-limits"]) == 2
    assert "Did you mean over-limit?" in capsys.readouterr().err
    assert main(["explain", "zzzzz"]) == 2
