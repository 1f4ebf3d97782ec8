from __future__ import annotations

import pytest
from tests.audit.marks import BAD, MILD

from leyden.audit.finding import Budget, File, LimitError, Limits, Place, Severity, shortened, sorted_findings


def test_a_finding_has_what_its_rule_says_unless_told_otherwise():
    plain = BAD.at(Place("a"), "Found.")
    assert (plain.rule, plain.severity, plain.mend, plain.blind) == ("LEY901", Severity.HIGH, "", False)
    assert BAD.at(Place("a"), "Found.", severity=Severity.INFO).severity is Severity.INFO


def test_what_a_hostile_file_says_is_cut_before_it_is_told():
    found = BAD.at(Place("a").within("m" * 10**6), "x" * 10**6, snippet="y" * 10**6)
    assert max(len(found.message), len(found.snippet), len(found.place.inside[0])) < 2_010
    assert shortened("abcdef", 4) == "ab … ef"


def test_a_budget_counts_before_the_bytes_are_there():
    budget = Budget(Limits(inflated=10))
    budget.take(inflated=8)
    assert budget.left() == 2
    with pytest.raises(LimitError, match="over 10 bytes"):
        budget.take(inflated=3)


def test_a_budget_ends_with_its_time():
    with pytest.raises(LimitError, match="over -1 seconds"):
        Budget(Limits(seconds=-1)).take()


def test_members_share_the_budget_and_have_a_depth():
    file = File(Place("a.zip"), memoryview(b""), Budget(Limits(depth=2)))
    inner = file.member("b.tar", b"x").member("dir\\C.PKL", b"y")
    assert inner.budget is file.budget
    assert inner.place == Place("a.zip", ("b.tar", "dir\\C.PKL"))
    assert inner.name == "c.pkl"
    assert inner.data.readonly
    with pytest.raises(LimitError, match="over 2 levels"):
        inner.member("d", b"")


def test_findings_sort_by_severity_and_then_by_place():
    found = [MILD.at(Place("a"), ""), BAD.at(Place("b"), ""), BAD.at(Place("a").at_line(2), ""), BAD.at(Place("a"), "")]
    assert [(f.place.path, f.place.line) for f in sorted_findings(found)] == [
        ("a", None),
        ("a", 2),
        ("b", None),
        ("a", None),
    ]
