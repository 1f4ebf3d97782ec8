from __future__ import annotations

from datetime import date, timedelta

import pytest

from leyden.audit.advisories.listed import listed
from leyden.audit.advisories.survey import OLD, survey

OF = listed().date


def looked(root, days=0, wrong=""):
    return [found.rule for found in survey(str(root), "", wrong, OF + timedelta(days)).look()]


@pytest.mark.parametrize(("days", "found"), [(OLD, []), (OLD + 1, ["LEY409"])])
def test_an_old_list_is_a_finding_where_there_are_dependencies(tmp_path, days, found):
    (tmp_path / "requirements.txt").write_text("torch==2.13.0")
    assert looked(tmp_path, days) == found


def test_where_nothing_is_compared_the_age_plays_no_role(tmp_path):
    (tmp_path / "model.pt").write_text("x")
    assert looked(tmp_path, 10 * OLD) == []


def test_a_list_that_was_refused_is_always_told(tmp_path):
    assert looked(tmp_path, wrong="It is damaged.") == ["LEY414"]


def test_the_list_is_not_from_the_future():
    assert date(2026, 11, 1) <= OF <= date.today()  # noqa: DTZ011
