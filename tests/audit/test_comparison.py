from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from tests.audit.marks import BAD, MILD
from tests.audit.reports import full, report

from leyden.audit import history
from leyden.audit.comparison import LONGEST_TREND, compare, found
from leyden.audit.finding import Accepted, Finding, Place, Severity
from leyden.audit.history import Scope
from leyden.audit.report import Report
from leyden.audit.rules.engine import DAMAGED

SCOPE = Scope((".",), Severity.LOW)


def finding(number: int, path: str = "a.py", rule=BAD) -> Finding:
    return replace(rule.at(Place(f"/work tree/{path}"), ""), fingerprint=f"{number:032x}:1")


def saved(*reports: Report) -> list[history.Entry]:
    return history.loads(history.dumps([history.entry(one, SCOPE, "", date(2026, 11, 20)) for one in reports]), "h")


def accepted(found: Finding) -> Finding:
    return replace(found, accepted=Accepted("inline", "why"))


def names(fingerprints) -> list[int]:
    return sorted(int(name.partition(":")[0], 16) for name in fingerprints)


def test_there_is_none_without_an_audit_of_the_same_scope():
    assert compare(report(), [], SCOPE) is None
    assert compare(report(), saved(report()), replace(SCOPE, exclude=("a",))) is None
    assert found(saved(report()), replace(SCOPE, exclude=("a",))) is None


def test_new_mended_and_old_are_told_apart():
    before = saved(report(finding(1), finding(2), finding(3)))
    now = compare(report(finding(2), finding(3), finding(4), finding(5)), before, SCOPE)
    assert now is not None
    assert names(now.new) == [4, 5]
    assert names(now.old) == [2, 3]
    assert [(one.rule, one.path) for one in now.mended] == [("LEY901", "a.py")]
    assert names(one.fingerprint for one in now.mended) == [1]
    assert now.is_new(finding(4))
    assert not now.is_new(finding(2))
    assert now.since == report().started


def test_what_is_accepted_by_now_is_not_mended():
    now = compare(report(accepted(finding(1))), saved(report(finding(1))), SCOPE)
    assert now is not None
    assert names(one.fingerprint for one in now.accepted) == [1]
    assert (now.mended, now.new, now.old) == ((), frozenset(), frozenset())


def test_what_was_accepted_before_is_not_new_when_it_counts_again():
    now = compare(report(finding(1)), saved(report(accepted(finding(1)))), SCOPE)
    assert now is not None
    assert names(now.old) == [1]
    assert now.new == frozenset()


def test_what_falls_below_the_threshold_is_not_new_and_not_mended():
    now = compare(report(threshold=Severity.HIGH), saved(report(finding(1, rule=MILD))), SCOPE)
    still = compare(report(finding(1, rule=MILD), threshold=Severity.HIGH), saved(report(finding(1, rule=MILD))), SCOPE)
    assert now is not None
    assert still is not None
    assert len(now.mended) == 1
    assert still.mended == ()


def test_what_could_not_be_looked_at_again_is_not_taken_for_mended():
    before = saved(report(finding(1, "models/a.pt"), finding(2, "models/deep/b.pt"), finding(3, "c.pt")))
    file = compare(report(finding(9, "models/a.pt", DAMAGED)), before, SCOPE)
    folder = compare(report(finding(9, "models", DAMAGED)), before, SCOPE)
    assert file is not None
    assert folder is not None
    assert names(one.fingerprint for one in file.unseen) == [1]
    assert names(one.fingerprint for one in file.mended) == [2, 3]
    assert names(one.fingerprint for one in folder.unseen) == [1, 2]
    assert names(one.fingerprint for one in folder.mended) == [3]


def test_the_trend_ends_with_this_audit_and_has_a_longest_length():
    reports = [replace(full(), started=full().started + timedelta(days=day)) for day in range(50)]
    now = compare(report(), saved(*reports), SCOPE)
    assert now is not None
    assert len(now.trend) == LONGEST_TREND
    assert [point.total for point in now.trend[-3:]] == [4, 4, 0]
    assert now.trend[-2].time == reports[-1].started
    short = compare(report(), saved(report(finding(1))), SCOPE)
    assert short is not None
    assert [point.total for point in short.trend] == [1, 0]
