from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest

from leyden.errors import KeyStoreError
from leyden.security import keys, ledger
from leyden.security.ledger import Entry
from leyden.wire.origin import Origin

RUN = "ab" * 16
OTHER = "cd" * 16


@pytest.fixture
def environment(tmp_path):
    return {"LEYDEN_HOME": str(tmp_path / "home")}


@pytest.fixture
def record(environment, tmp_path):
    """The file of a record of three lines."""
    for number in (1, 2, 3):
        noted(environment, number)
    return tmp_path / "home" / "runs" / f"{RUN}.jsonl"


def noted(environment, number, run=RUN, path="/a/one.ckpt"):
    entry = Entry(number, f"{number:064x}", path, 1000 + number)
    ledger.note(run, entry, keys.identity(environment), environment)
    return entry


def test_what_is_noted_is_read_in_order(environment, tmp_path):
    entries = [noted(environment, 1), noted(environment, 2, path="/a/näme\n.ckpt\udcff")]
    assert ledger.read(RUN, environment) == entries
    assert stat.S_IMODE((tmp_path / "home" / "runs" / f"{RUN}.jsonl").stat().st_mode) == 0o600


def test_an_entry_without_a_time_gets_the_one_of_the_clock(environment):
    ledger.note(RUN, Entry(1, "cd" * 32, "/a"), keys.identity(environment), environment)
    assert ledger.read(RUN, environment)[0].time > 1_700_000_000_000


def test_no_record_is_told_apart_from_an_empty_one(environment, tmp_path):
    assert ledger.read(RUN, environment) is None
    (tmp_path / "home" / "runs").mkdir(parents=True)
    (tmp_path / "home" / "runs" / f"{RUN}.jsonl").touch()
    assert ledger.read(RUN, environment) == []


def test_a_line_that_was_cut_short_is_passed_over_and_replaced_by_the_next(environment, record):
    with record.open("a") as stream:
        stream.write('["aa",4,"ef')
    assert [entry.number for entry in ledger.read(RUN, environment)] == [1, 2, 3]
    noted(environment, 4)
    assert [entry.number for entry in ledger.read(RUN, environment)] == [1, 2, 3, 4]


def edited(lines):
    line = json.loads(lines[1])
    line[3] = "/a/other.ckpt"
    return [lines[0], json.dumps(line, separators=(",", ":")) + "\n", lines[2]]


EDITS = {
    "a line edited": edited,
    "the last line edited": lambda lines: [*lines[:2], lines[2].replace("one", "two")],
    "a line taken out": lambda lines: [lines[0], lines[2]],
    "the first line taken out": lambda lines: lines[1:],
    "two lines exchanged": lambda lines: [lines[1], lines[0], lines[2]],
    "a line repeated": lambda lines: [*lines, lines[2]],
    "noise added": lambda lines: [*lines, "noise\n"],
    "a line of another kind": lambda lines: [*lines, '["x"]\n'],
    "a digest that is none": lambda lines: [*lines, '["aa",1,"b","/c",1,"zz","zz"]\n'],
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_record_that_somebody_edited_is_not_believed(environment, record, edit):
    record.write_text("".join(edit(record.read_text().splitlines(keepends=True))))
    with pytest.raises(KeyStoreError, match=r"The record .* was changed by somebody else: line \d is not"):
        ledger.read(RUN, environment)


@pytest.mark.parametrize("edit", ["the last line edited", "noise added"])
def test_nothing_is_added_to_a_record_that_somebody_edited(environment, record, edit):
    record.write_text("".join(EDITS[edit](record.read_text().splitlines(keepends=True))))
    with pytest.raises(KeyStoreError, match="its last line is not"):
        noted(environment, 4)


def test_an_edit_is_found_after_the_run_has_gone_on(environment, record):
    record.write_text("".join(edited(record.read_text().splitlines(keepends=True))))
    noted(environment, 4)
    with pytest.raises(KeyStoreError, match="line 3 is not"):
        ledger.read(RUN, environment)


def test_a_record_of_another_run_or_another_user_is_not_believed(environment, record, tmp_path):
    record.with_name(f"{OTHER}.jsonl").write_bytes(record.read_bytes())
    with pytest.raises(KeyStoreError, match="changed by somebody else"):
        ledger.read(OTHER, environment)
    theirs = tmp_path / "theirs" / "runs" / record.name
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(record.read_bytes())
    other = {"LEYDEN_HOME": str(tmp_path / "theirs")}
    with pytest.raises(KeyStoreError, match="changed by somebody else"):
        ledger.read(RUN, other)
    keys.trust(keys.identity(environment).public, "me", other)
    assert len(ledger.read(RUN, other)) == 3


def test_a_record_outlives_the_key_that_signed_it(environment, record):
    keys.renew(environment)
    noted(environment, 4)
    assert len(ledger.read(RUN, environment)) == 4


def test_processes_that_write_at_the_same_time_make_one_chain(environment):
    program = (
        "from leyden.security import keys, ledger\n"
        f"for number in range(20): ledger.note({RUN!r}, ledger.Entry(number, 'ab' * 32, '/a'), keys.identity())"
    )
    started = [subprocess.Popen([sys.executable, "-c", program], env={**os.environ, **environment}) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert sorted(entry.number for entry in ledger.read(RUN, environment)) == sorted([*range(20)] * 3)


def test_the_runs_that_wrote_in_a_place_are_found(environment, tmp_path):
    folder = tmp_path / 'ru"n é'
    folder.mkdir()
    noted(environment, 1, RUN, ledger.place(folder / "last.ckpt"))
    noted(environment, 1, OTHER, ledger.place(tmp_path / "run" / "last.ckpt"))
    assert ledger.runs_at(folder, environment) == ledger.runs_at(folder / "last.ckpt", environment) == [RUN]
    assert ledger.runs_at(tmp_path, environment) == [RUN, OTHER]
    assert ledger.runs_at(folder / "last", environment) == []
    assert ledger.runs_at(tmp_path / "ru", environment) == []


def test_a_place_is_named_by_its_real_directory_and_a_link_in_it_by_itself(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "run")
    (tmp_path / "run" / "last.ckpt").symlink_to("best.ckpt")
    assert ledger.place(tmp_path / "alias" / "last.ckpt") == str(tmp_path.resolve() / "run" / "last.ckpt")


def test_where_there_are_no_records_no_run_is_found(environment, tmp_path):
    assert ledger.runs_at(tmp_path, environment) == []


@pytest.mark.parametrize("run", ["../identity", "", "AB" * 16, "ab" * 17])
def test_the_name_of_a_run_leads_nowhere_else(environment, run):
    with pytest.raises(KeyStoreError, match="is not the name of a run"):
        ledger.read(run, environment)


def test_where_nothing_can_be_kept_the_error_names_the_place(environment, tmp_path):
    mine = keys.identity(environment)
    (tmp_path / "file").touch()
    with pytest.raises(KeyStoreError, match="No record of this run can be kept in"):
        ledger.note(RUN, Entry(1, "cd" * 32, "/a"), mine, {"LEYDEN_HOME": str(tmp_path / "file")})


def test_a_link_in_the_place_of_a_record_is_not_written_through(environment, tmp_path):
    mine = keys.identity(environment)
    (tmp_path / "home" / "runs").mkdir()
    (tmp_path / "victim").write_text("")
    (tmp_path / "home" / "runs" / f"{RUN}.jsonl").symlink_to(tmp_path / "victim")
    with pytest.raises(KeyStoreError, match="No record of this run can be kept in"):
        ledger.note(RUN, Entry(1, "cd" * 32, "/a"), mine, environment)
    assert (tmp_path / "victim").read_text() == ""


@pytest.mark.parametrize(
    ("run", "number", "time", "follows"),
    [
        (RUN, 6, "2001-01-01T00:00:00+00:00", True),
        (RUN, 5, "2001-01-01T00:00:00+00:00", False),
        (OTHER, 6, "2001-01-01T00:00:00+00:00", False),
        (OTHER, 1, "2027-01-01T00:00:00.000+00:00", True),
        (OTHER, 1, "whenever", False),
    ],
)
def test_what_is_in_no_record_may_follow_by_its_number_in_the_run_or_by_its_time(run, number, time, follows):
    entry = Entry(5, "ab" * 32, "/a", 1_780_000_000_000_000_000)
    assert ledger.may_follow(Origin(run, number, None, time, 1, 0), RUN, entry) == follows


def test_a_pipe_in_the_place_of_a_record_is_an_error_and_not_waited_for(environment, tmp_path):
    (tmp_path / "home" / "runs").mkdir(parents=True)
    os.mkfifo(tmp_path / "home" / "runs" / f"{RUN}.jsonl")
    with pytest.raises(KeyStoreError, match="is not a file"):
        ledger.read(RUN, environment)
    with pytest.raises(KeyStoreError, match="is not a file"):
        ledger.runs_at(tmp_path, environment)
