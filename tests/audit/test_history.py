from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import jsonschema
import pytest
from tests.audit.reports import HOSTILE, full, report

from leyden._version import __version__
from leyden.audit import history
from leyden.audit.finding import Severity
from leyden.audit.history import Scope
from leyden.errors import SettingsError

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "audit-history.schema.json").read_text())
WHOLE = Scope((".",), Severity.LOW, ("data/*",), ("all",))
PART = replace(WHOLE, paths=(HOSTILE,))
DAY = date(2026, 11, 20)
START = datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)


def entry(scope: Scope = WHOLE, day: int = 0) -> history.Entry:
    return history.entry(replace(full(), started=START + timedelta(days=day)), scope, "a1" * 20, DAY)


def test_an_entry_comes_back_as_it_was_written():
    entries = [entry(PART), entry()]
    assert history.loads(history.dumps(entries), "h") == entries
    assert history.loads(b"", "h") == []


def test_it_keeps_what_counts_without_what_files_say():
    kept = entry()
    assert (kept.leyden, kept.advisories) == (__version__, "2026-11-20")
    assert kept.counts == {Severity.HIGH: 2, Severity.MEDIUM: 1, Severity.LOW: 1}
    assert kept.complete is False
    assert kept.findings is not None
    assert [(f.rule, f.path) for f in kept.findings][:1] == [("LEY901", "models/a#b?.pt")]
    assert len(kept.findings) == 4
    assert len(kept.accepted) == 2
    line = history.dumps([entry()])
    assert b"os.system" not in line
    assert b"It says" not in line


@pytest.mark.parametrize("entries", [[entry()], [entry(), entry(PART), entry()]])
def test_each_line_is_as_its_schema_says(entries):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    lines = history.dumps(entries).splitlines()
    assert len(lines) == len(entries)
    for line in lines:
        assert line.decode("ascii").isprintable()
        jsonschema.validate(json.loads(line), SCHEMA, jsonschema.Draft202012Validator)


def test_only_the_newest_of_a_scope_keeps_its_findings():
    kept = history.loads(history.dumps([entry(PART, 1), entry(WHOLE, 2), entry(PART, 3), entry(WHOLE, 4)]), "h")
    assert [one.findings is not None for one in kept] == [False, False, True, True]
    assert [one.counts for one in kept] == [entry().counts] * 4
    assert history.last(kept, PART) == kept[2]
    assert history.last(kept, replace(WHOLE, severity=Severity.HIGH)) is None


def test_the_oldest_go_where_there_are_too_many():
    kept = history.loads(history.dumps([entry(day=day) for day in range(history.MOST_ENTRIES + 5)]), "h")
    assert len(kept) == history.MOST_ENTRIES
    assert kept[0].time == START + timedelta(days=5)


def test_findings_go_where_the_file_would_be_too_large(monkeypatch):
    monkeypatch.setattr(history, "LARGEST", 2 * len(history.dumps([entry(WHOLE)])) + 100)
    kept = history.loads(history.dumps([entry(PART), entry(WHOLE)]), "h")
    assert [one.findings is not None for one in kept] == [False, True]
    assert history.last(kept, PART) is None


def test_more_findings_than_it_keeps_are_an_error_with_the_way_out():
    many = report(*full().findings[:1] * (history.MOST_FINDINGS + 1))
    with pytest.raises(SettingsError, match="over 20,000 findings.*--severity"):
        history.entry(many, WHOLE, "", DAY)


def changed(**members: object) -> bytes:
    return json.dumps(json.loads(history.dumps([entry()])) | members).encode() + b"\n"


def known(**members: object) -> bytes:
    return changed(
        findings=[{"fingerprint": "0" * 32 + ":1", "rule": "LEY101", "severity": "low", "path": "a"} | members]
    )


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"{}\n",
        b"[]\n",
        b"\n",
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        b'{"version": 1, "version": 1}\n',
        changed(version=2),
        changed(more=1),
        changed(time="yesterday"),
        changed(time="2026-11-22T10:30:00"),
        changed(time="0001-01-01T00:00:00+23:59"),
        changed(revision="--output=x"),
        changed(advisories="new"),
        changed(files=-1),
        changed(files=True),
        changed(files=1.5),
        changed(complete=1),
        changed(counts={"loud": 1}),
        changed(counts={"high": "1"}),
        changed(scope={}),
        changed(scope={"paths": [1], "severity": "low", "exclude": [], "options": []}),
        changed(scope={"paths": [], "severity": "low", "exclude": [], "options": [], "more": 1}),
        changed(findings=None),
        changed(findings=[1]),
        changed(accepted=["x"]),
        known(fingerprint="0" * 32),
        known(rule="LEY101\x1b"),
        known(severity="LOW"),
        known(path="a" * 2_000),
        known(path=1),
        known(more=1),
        changed()[:-1],
        changed() * (history.MOST_ENTRIES + 1),
        b" " * (history.LARGEST + 1),
    ],
    ids=range(35),
)
def test_anything_else_is_an_error_with_the_way_out(content):
    with pytest.raises(SettingsError, match="The history h was damaged.* Move it away; the next audit with --save"):
        history.loads(content, "h")


def test_what_the_error_cases_change_is_an_entry():
    assert history.loads(changed() + known(), "h")[0] == entry()


def test_a_scope_is_the_same_however_its_paths_are_spelt():
    assert history.scope_paths(["/w/b/", "/w/a", "/w/./b"], "/w") == ("a", "b")
    assert history.scope_paths(["/w", "/x"], "/w") == (".", "/x")
