from __future__ import annotations

from tests.audit.marks import BAD, MILD
from tests.audit.reports import full, report

from leyden.audit.finding import Place, Severity
from leyden.audit.report import exit_code
from leyden.audit.rules.engine import DAMAGED, SPECIAL

PLACE = Place("a")


def test_what_is_accepted_or_below_the_threshold_does_not_count():
    found = report(BAD.at(PLACE, ""), MILD.at(PLACE, ""), SPECIAL.at(PLACE, ""))
    assert [one.rule for one in found.counted] == ["LEY901", "LEY902"]
    assert report(*found.findings, threshold=Severity.HIGH).severities() == {Severity.HIGH: 1}
    assert len(full().counted) == len(full().findings) - 2


def test_what_could_not_be_looked_at_counts_at_any_threshold():
    assert len(report(DAMAGED.at(PLACE, ""), threshold=Severity.CRITICAL).counted) == 1


def test_the_exit_code_is_0_clean_1_found_and_2_not_whole():
    assert exit_code(()) == 0
    assert exit_code((BAD.at(PLACE, ""),)) == 1
    assert exit_code((BAD.at(PLACE, ""), DAMAGED.at(PLACE, ""))) == 2
