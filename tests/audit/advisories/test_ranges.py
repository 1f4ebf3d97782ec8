"""What a requirement's range says without the list of all releases."""

from __future__ import annotations

from datetime import date

import pytest

from leyden.audit.advisories.advisory import Advisory, Catalogue, Kind
from leyden.audit.finding import Severity


def advisory(id_, affected, fixed="", kind=Kind.VULNERABLE):
    return Advisory(id_, (), ("thing",), affected, fixed, Severity.HIGH, None, kind, "Bad.", (), "made up")


LISTED = Catalogue(
    1,
    date(2026, 11, 28),
    (
        advisory("OLD", ("<1.5",), "1.5"),
        advisory("LATE", (">=2.0,<2.3",), "2.3"),
        advisory("STOLEN", ("==2.4.1",), "2.4.2", Kind.COMPROMISED),
    ),
)


@pytest.mark.parametrize(
    ("specifier", "admitted", "newest", "sound"),
    [
        ("==1.4", {"OLD"}, {"OLD"}, False),
        ("===1.4", {"OLD"}, {"OLD"}, False),
        ("==1.*", {"OLD"}, set(), True),
        ("==1.4.*", {"OLD"}, {"OLD"}, False),
        ("<1.5", {"OLD"}, {"OLD"}, False),
        ("<=1.5", {"OLD"}, set(), True),
        (">=1.2", {"OLD", "LATE", "STOLEN"}, set(), True),
        (">2.0,<2.3", {"LATE"}, {"LATE"}, False),
        ("~=2.1.0", {"LATE"}, {"LATE"}, False),
        ("~=2.1", {"LATE", "STOLEN"}, set(), True),
        (">=2.4,!=2.4.1", set(), set(), True),
        (">=2.4,<2.4.2", {"STOLEN"}, set(), True),
        ("==2.4.1", {"STOLEN"}, {"STOLEN"}, False),
        (">=1.5,<2", set(), set(), True),
        ("", {"OLD", "LATE", "STOLEN"}, set(), True),
        ("not a range", set(), set(), True),
        ("==1." + "1" * 2000, set(), set(), True),
    ],
)
def test_what_a_range_admits(specifier, admitted, newest, sound):
    found = LISTED.admitted("thing", specifier)
    if not admitted:
        assert found is None
        return
    assert {one.id for one in found.advisories} == admitted
    assert {one.id for one in found.newest} == newest
    assert found.sound is sound


def test_the_lowest_sound_release_is_one_that_nothing_is_known_against():
    assert LISTED.lowest_sound("thing") == "1.5"
    closed = Catalogue(1, date(2026, 11, 28), (*LISTED.advisories, advisory("ALL", ("<2.4.2",), "2.4.2")))
    assert closed.lowest_sound("thing") == "2.4.2"
    endless = Catalogue(1, date(2026, 11, 28), (*LISTED.advisories, advisory("ALL", ("",))))
    assert endless.lowest_sound("thing") == ""


def test_of_an_unknown_package_nothing_is_known():
    assert LISTED.admitted("other", ">=1") is None
    assert LISTED.affecting("other", "1") == ()
    assert LISTED.lowest_sound("other") == ""
