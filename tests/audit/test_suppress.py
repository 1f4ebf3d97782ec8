from __future__ import annotations

from datetime import date

import pytest
from tests.audit.marks import BAD, MILD

from leyden.audit.finding import Place
from leyden.audit.suppress import Suppression, in_settings, inline

TODAY = date(2026, 11, 22)
GOOD = 'reason="only ours" until=2026-11-22'


def told(lines: list[str], line: int = 1, last: int | None = None, rule=BAD):
    found = rule.at(Place("a.py").at_line(line, last_line=last), "Found.")
    return [
        (one.rule, one.place.line, one.accepted.reason if one.accepted else None)
        for one in inline([found], lines, TODAY)
    ]


@pytest.mark.parametrize(
    "comment",
    [
        f"x  # leyden: ignore[LEY901] {GOOD}",
        f"x // leyden:ignore[LEY1, ley901] {GOOD}",
        f"<!-- leyden: ignore[LEY901] {GOOD} -->",
    ],
)
def test_a_comment_on_the_line_accepts_it_until_its_last_day(comment):
    assert told([comment]) == [("LEY901", 1, "only ours")]


def test_a_comment_alone_on_the_line_above_counts_and_one_behind_code_does_not():
    assert told([f"# leyden: ignore[LEY901] {GOOD}", "x"], line=2) == [("LEY901", 2, "only ours")]
    assert told([f"y  # leyden: ignore[LEY901] {GOOD}", "x"], line=2) == [("LEY901", 2, None)]


def test_a_comment_at_the_end_of_a_long_statement_counts():
    assert told(["f(", "x", f")  # leyden: ignore[LEY901] {GOOD}"], last=3) == [("LEY901", 1, "only ours")]


def test_a_comment_counts_for_the_rules_that_it_names_alone():
    assert told([f"x  # leyden: ignore[LEY901] {GOOD}"], rule=MILD) == [("LEY902", 1, None)]


@pytest.mark.parametrize(
    "tail", ["", 'reason="why"', "until=2027-01-01", 'reason=" " until=2027-01-01', 'reason="why" until=2027-02-31']
)
def test_without_a_reason_and_a_date_it_does_not_count_and_is_found_itself(tail):
    assert told([f"x  # leyden: ignore[LEY901] {tail}"]) == [("LEY011", 1, None), ("LEY901", 1, None)]


def test_past_its_date_it_does_not_count_and_is_found_itself():
    text = 'x  # leyden: ignore[LEY901] reason="why" until=2026-11-21'
    assert told([text]) == [("LEY010", 1, None), ("LEY901", 1, None)]


def test_a_wrong_comment_is_told_once_for_all_findings_on_its_line():
    found = [BAD.at(Place("a").at_line(1), str(number)) for number in range(3)]
    rules = [one.rule for one in inline(found, ["x  # leyden: ignore[LEY901]"], TODAY)]
    assert rules.count("LEY011") == 1
    assert rules.count("LEY901") == 3


def test_lines_that_are_not_there_and_endless_lines_cost_nothing():
    assert told([], line=5) == [("LEY901", 5, None)]
    assert told(["leyden: ignore[" * 100_000]) == [("LEY901", 1, None)]


def suppression(**changed):
    plain = {
        "rule": "LEY901",
        "path": "models/*.pt",
        "reason": "ours",
        "until": TODAY,
        "source": Place("pyproject.toml"),
    }
    return Suppression(**{**plain, **changed})


def test_the_settings_accept_by_rule_and_path():
    one, place = suppression(), Place("wherever")
    assert one.covers(BAD.at(place, ""), "models/a/b.pt")
    assert not one.covers(BAD.at(place, ""), "other/models/a.pt")
    assert not one.covers(MILD.at(place, ""), "models/a.pt")


def test_a_suppression_that_does_not_hold_cannot_be_suppressed():
    expired = suppression(until=date(2020, 1, 1))
    holding, (wrong,) = in_settings([expired, suppression()], TODAY)
    assert holding == [suppression()]
    assert (wrong.rule, wrong.place.path) == ("LEY010", "pyproject.toml")
    assert not suppression(rule="LEY010", path="*").covers(wrong, "pyproject.toml")
    assert in_settings([suppression(until=None, reason="")], TODAY)[1][0].message.startswith(
        "The suppression of LEY901 in models/*.pt gives no reason and no until"
    )
