from __future__ import annotations

from dataclasses import replace

import pytest
from tests.audit.marks import BAD

from leyden.audit import baseline
from leyden.audit.finding import Accepted, Place
from leyden.audit.rules.engine import DAMAGED
from leyden.errors import SettingsError


def finding(fingerprint: str, rule=BAD, accepted=None):
    return replace(rule.at(Place("a\udcff"), ""), fingerprint=fingerprint, accepted=accepted)


def test_a_baseline_holds_what_counts_and_what_it_held_before(tmp_path):
    found = [
        finding("2:1"),
        finding("1:1", accepted=Accepted("baseline", "")),
        finding("3:1", DAMAGED),
        finding("4:1", accepted=Accepted("inline", "why")),
    ]
    path = tmp_path / "baseline.json"
    path.write_text(baseline.dumps(found))
    assert baseline.load(path) == {"1:1", "2:1"}
    assert path.read_text().splitlines()[2].strip().startswith('"1:1": "LEY901 a')


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 2, "findings": {}}', '{"version": 1, "findings": []}', "\udcff", "[" * 100_000]
)
def test_anything_else_is_an_error_with_the_way_out(tmp_path, text):
    path = tmp_path / "b"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match="--write-baseline"):
        baseline.load(path)


def test_a_baseline_without_end_is_not_read(tmp_path):
    with (tmp_path / "b").open("wb") as stream:
        stream.truncate(65 << 20)
    with pytest.raises(SettingsError, match="limit of a baseline"):
        baseline.load(tmp_path / "b")


def test_a_baseline_that_is_not_there_says_how_to_write_one(tmp_path):
    with pytest.raises(SettingsError, match="There is no baseline .* --write-baseline"):
        baseline.load(tmp_path / "baseline.json")
