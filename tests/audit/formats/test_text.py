from __future__ import annotations

from dataclasses import replace

from tests.audit.marks import BAD
from tests.audit.reports import compared, full, report

from leyden.audit.finding import Place, Severity
from leyden.audit.formats import text
from leyden.audit.rules.engine import SPECIAL


def said(found) -> list[str]:
    return "".join(text.document(found)).splitlines()


def test_a_finding_says_what_where_and_the_way_out():
    found = BAD.at(Place("a.py").at_line(3, 5), "It says BAD.", snippet="x = BAD")
    assert said(report(found))[:5] == [
        "high     LEY901 a.py:3:5",
        "         It says BAD.",
        "         | x = BAD",
        "         → Say `good`.",
        "         bad-word (CWE-502, CVE-2025-32434)",
    ]


def test_nothing_of_a_hostile_name_or_snippet_reaches_the_terminal():
    assert all(line.isprintable() for line in said(full()))


def test_a_long_snippet_is_cut():
    lines = said(report(BAD.at(Place("a"), "", snippet="x\n" * 20)))
    assert sum(line == "         | x" for line in lines) == 8
    assert "         | … 12 more lines" in lines


def test_the_end_says_what_counted_and_what_did_not():
    lines = said(full())
    assert "4 findings in 3 files (4.9 KiB) in 1.2 s: 2 high, 1 medium, 1 low." in lines
    assert "1 time something could not be looked at, so the audit is not whole." in lines
    assert "Accepted and not counted: 1 by comments in the files, 1 by the baseline." in lines
    assert "Left out: /work tree/.git (--all and no exclude look at them too)." in lines
    assert lines[-1].startswith("`leyden explain LEY901`")


def test_what_was_left_out_is_counted_by_name_where_it_is_much():
    paths = tuple(f"/work/{n}/__pycache__" for n in range(9)) + tuple(f"/work/x{n:02}\x1b" for n in range(9))
    told = text.left_out(replace(report(), left_out=paths))
    assert told.startswith("__pycache__ (9 times), x00\\x1b, x01")
    assert told.endswith("x06\\x1b and 2 other names")


def test_a_clean_audit_is_one_line_and_what_was_not_counted():
    assert said(report())[0] == "Nothing found in 3 files (4.9 KiB) in 1.2 s."
    quiet = said(report(SPECIAL.at(Place("a"), "")))
    assert "Below the severity low and not counted: 1 (--severity info shows them)." in quiet
    assert "pipe" in "".join(said(report(SPECIAL.at(Place("a"), "A pipe."), threshold=Severity.INFO)))


def test_what_is_new_is_marked_and_counted_with_what_is_mended_and_old():
    lines = said(compared())
    assert sum(line.endswith(" (new)") for line in lines) == 3
    assert "high     LEY901 /work tree/models/a#b?.pt › archive/data.pkl, byte 12" in lines
    assert "3 new, 1 mended, 1 old since 2026-11-20 10:30 UTC." in lines
    assert "Findings over the last audits: 4 → 2 → 4." in lines
    assert [line.startswith("Mended: LEY901 /") for line in lines].count(True) == 1
    assert all(line.isprintable() for line in lines)


def test_without_an_audit_to_compare_with_nothing_is_said_of_it():
    assert not any("new" in line or "mended" in line for line in said(report(BAD.at(Place("a"), ""))))


def test_the_comparison_says_what_makes_the_numbers_differ():
    found = compared().comparison
    assert found is not None
    other = replace(found, leyden="0.0.1\x1b", accepted=found.mended * 2, unseen=found.mended, mended=found.mended * 7)
    lines = said(replace(report(), comparison=other))
    wanted = "3 new, 7 mended, 1 old, 2 accepted by now, 1 where something could not be looked at since 2026-11-20"
    assert any(line.startswith(wanted) and line.endswith("(leyden 0.0.1\\x1b).") for line in lines)
    assert any(line.endswith(" and 2 others.") for line in lines)
