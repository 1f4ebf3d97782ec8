from __future__ import annotations

import stat

import pytest

from leyden.errors import KeyStoreError
from leyden.security import ledger
from leyden.security.ledger import Entry

RUN = "ab" * 16


@pytest.fixture
def environment(tmp_path):
    return {"LEYDEN_HOME": str(tmp_path / "home")}


def test_what_is_noted_is_read_in_order(environment, tmp_path):
    entries = [Entry(1, "cd" * 32, "/a/one.ckpt"), Entry(2, "ef" * 32, "/a/näme\n.ckpt")]
    for entry in entries:
        ledger.note(RUN, entry, environment)
    assert ledger.read(RUN, environment) == entries
    assert stat.S_IMODE((tmp_path / "home" / "runs" / f"{RUN}.jsonl").stat().st_mode) == 0o600


def test_no_record_is_told_apart_from_an_empty_one(environment, tmp_path):
    assert ledger.read(RUN, environment) is None
    (tmp_path / "home" / "runs").mkdir(parents=True)
    (tmp_path / "home" / "runs" / f"{RUN}.jsonl").touch()
    assert ledger.read(RUN, environment) == []


def test_a_line_that_was_cut_short_or_is_of_another_kind_is_passed_over(environment, tmp_path):
    ledger.note(RUN, Entry(1, "cd" * 32, "/a"), environment)
    with (tmp_path / "home" / "runs" / f"{RUN}.jsonl").open("a") as stream:
        stream.write('[2,"ef\n{"a":1}\n["x","y","z"]\n')
    ledger.note(RUN, Entry(3, "01" * 32, "/b"), environment)
    assert [entry.number for entry in ledger.read(RUN, environment)] == [1, 3]


@pytest.mark.parametrize("run", ["../identity", "", "AB" * 16, "ab" * 17])
def test_the_name_of_a_run_leads_nowhere_else(environment, run):
    with pytest.raises(KeyStoreError, match="is not the name of a run"):
        ledger.read(run, environment)


def test_where_nothing_can_be_kept_the_error_names_the_place(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KeyStoreError, match="No record of this run can be kept in"):
        ledger.note(RUN, Entry(1, "cd" * 32, "/a"), {"LEYDEN_HOME": str(tmp_path / "file")})
