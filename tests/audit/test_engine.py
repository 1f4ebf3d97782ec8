from __future__ import annotations

import os
from datetime import date

import pytest
from tests.audit.marks import BAD, SOURCE, WORKER

from leyden.audit.engine import Orders, Progress, audit
from leyden.audit.finding import Artifact, Place, Survey
from leyden.audit.suppress import Suppression

TODAY = date(2026, 11, 22)
ACCEPTING = 'BAD  # leyden: ignore[LEY901] reason="why" until=2027-01-01'


def records(*paths, root="/", **options):
    orders = Orders(tuple(map(str, paths)), str(root), **options)
    return list(audit(orders, lambda: (SOURCE,), today=TODAY, worker=WORKER))


def write(folder, files: dict[str, str]):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_a_few_small_files_are_looked_at_without_a_process(tmp_path):
    write(tmp_path, {"a": "BAD", "b": "fine"})
    orders = Orders((str(tmp_path),), str(tmp_path))
    found = list(audit(orders, lambda: (SOURCE,), today=TODAY, worker=["/no/such/program"]))
    assert [one.place.path for one in found] == [str(tmp_path / "a")]


def test_readers_are_not_asked_for_where_processes_have_their_own(tmp_path):
    (tmp_path / "large").write_text("BAD\n" + "x" * (2 << 20))

    def none():
        raise AssertionError("readers were asked for")

    orders = Orders((str(tmp_path),), str(tmp_path))
    assert [one.rule for one in audit(orders, none, today=TODAY, worker=WORKER)] == ["LEY901"]


def test_many_files_go_to_processes_and_say_the_same(tmp_path):
    write(tmp_path, {f"{n % 7}/{n}": "BAD\nMILD" if n % 5 == 0 else "fine" for n in range(150)} | {"3/model": "MODEL"})
    (tmp_path / "3" / "gone").symlink_to("nowhere")
    (tmp_path / "zz").symlink_to("nowhere")
    here = records(tmp_path, jobs=0, root=tmp_path)
    away = records(tmp_path, jobs=2, root=tmp_path)
    assert here == away
    assert len(here) == 2 * 30 + 2 + 1
    assert [type(one) for one in here].count(Artifact) == 1
    assert away[-1].rule == "LEY007"


@pytest.mark.parametrize("jobs", [0, 2])
def test_readers_know_the_versions_of_the_project(tmp_path, jobs):
    write(tmp_path, {f"{n:03}": "VERSION" for n in range(70)})
    found = records(tmp_path, jobs=jobs, versions={"torch": "2.5"})
    assert [one.message for one in found] == ["It runs with torch 2.5."] * 70


def test_what_belongs_to_no_file_is_surveyed_after_them(tmp_path):
    write(tmp_path, {"a": "BAD"})
    here = tmp_path / "b"

    def look():
        yield BAD.at(Place(str(here)), "The first.", key="alike")
        yield BAD.at(Place(str(here)), "The second.", key="alike")
        raise LookupError("what nobody thought of")

    orders = Orders((str(tmp_path),), str(tmp_path))
    surveys = [Survey("marks", look, (BAD,)), Survey("nothing", lambda: iter(()), ())]
    first, *found = audit(orders, lambda: (SOURCE,), today=TODAY, worker=WORKER, surveys=surveys)
    assert (first.place.path, [one.rule for one in found]) == (str(tmp_path / "a"), ["LEY901", "LEY901", "LEY004"])
    one, two, failed = (one.fingerprint for one in found)
    assert (one.partition(":")[0], one[-2:], two[-2:]) == (two.partition(":")[0], ":1", ":2")
    known = Orders((str(tmp_path),), str(tmp_path), baseline=frozenset({two, failed}))
    again = audit(known, lambda: (SOURCE,), today=TODAY, worker=WORKER, surveys=surveys)
    assert [one.accepted is not None for one in again] == [False, False, True, False]


def test_progress_counts_files_and_bytes(tmp_path):
    write(tmp_path, {"a": "BAD", "b": "fine", ".git/x": ""})
    progress, ticks = Progress(), []
    orders = Orders((str(tmp_path),), os.path.realpath(tmp_path))
    tick = lambda: ticks.append(progress.files)  # noqa: E731
    list(audit(orders, lambda: (SOURCE,), today=TODAY, worker=WORKER, progress=progress, tick=tick))
    assert (progress.files, progress.bytes, ticks) == (2, 7, [1, 2])
    assert progress.left_out == [str(tmp_path / ".git")]


def test_fingerprints_stay_when_lines_move_and_change_with_file_and_text(tmp_path):
    def fingerprints(text: str, name: str = "a") -> list[str]:
        write(tmp_path, {name: text})
        return [one.fingerprint for one in records(tmp_path / name, root=tmp_path)]

    (before,) = fingerprints("BAD thing")
    assert fingerprints("\n\n   BAD    thing") == [before]
    assert fingerprints("BAD other") != [before]
    assert fingerprints("BAD thing", "b") != [before]
    assert fingerprints("BAD thing\nBAD thing")[0] == before


def test_fingerprints_do_not_depend_on_how_the_path_is_spelt(tmp_path, monkeypatch):
    write(tmp_path, {"sub/a": "BAD"})
    monkeypatch.chdir(tmp_path)
    root = os.path.realpath(tmp_path)
    spelt = [records(path, root=root)[0].fingerprint for path in (".", "sub", "sub/../sub/a", tmp_path / "sub")]
    assert len(set(spelt)) == 1


def test_the_baseline_accepts_what_was_there_and_nothing_that_could_not_be_looked_at(tmp_path):
    write(tmp_path, {"a": "BAD", "b": "damaged"})
    first = records(tmp_path, root=tmp_path)
    write(tmp_path, {"c": "BAD"})
    again = records(tmp_path, root=tmp_path, baseline=frozenset(one.fingerprint for one in first))
    assert [(one.rule, one.accepted and one.accepted.by) for one in again] == [
        ("LEY901", "baseline"),
        ("LEY002", None),
        ("LEY901", None),
    ]


def test_the_settings_accept_by_pattern_and_tell_what_expired(tmp_path):
    write(tmp_path, {"models/a": "BAD", "b": "BAD"})
    holds = Suppression("LEY901", "models/*", "ours", date(2027, 1, 1), Place("pyproject.toml"))
    over = Suppression("LEY901", "b", "ours", date(2026, 1, 1), Place("pyproject.toml"))
    found = records(tmp_path, root=tmp_path, suppressions=(holds, over))
    assert [(one.rule, one.accepted and one.accepted.reason) for one in found] == [
        ("LEY010", None),
        ("LEY901", None),
        ("LEY901", "ours"),
    ]


def test_what_cannot_be_looked_at_can_be_accepted_by_name(tmp_path):
    write(tmp_path, {"broken": "damaged"})
    known = Suppression("LEY002", "broken", "a test file", date(2027, 1, 1), Place("pyproject.toml"))
    (found,) = records(tmp_path, root=tmp_path, suppressions=(known,))
    assert found.accepted is not None


def test_a_strangers_file_does_not_excuse_itself(tmp_path):
    write(tmp_path, {"own/a": ACCEPTING, "theirs/a": ACCEPTING})
    (tmp_path / "own" / "link").symlink_to(tmp_path / "theirs" / "a")
    found = records(tmp_path, root=tmp_path / "own")
    assert [one.accepted is not None for one in found] == [True, False, False]
    assert not any(one.accepted for one in records(tmp_path, root=tmp_path, trusting=False))


def test_a_file_that_crashes_its_reader_is_a_finding_of_its_own_among_the_others(tmp_path):
    write(tmp_path, {f"{n:03}": "BAD" for n in range(70)} | {"035x": "crash"})
    found = records(tmp_path, root=tmp_path, jobs=1)
    assert [one.rule for one in found] == ["LEY901"] * 36 + ["LEY004"] + ["LEY901"] * 34


def test_findings_without_end_end_the_audit(tmp_path):
    write(tmp_path, {str(n): "BAD\n" * 5 for n in range(5)})
    found = records(tmp_path, root=tmp_path, most=12)
    assert [one.rule for one in found] == ["LEY901"] * 12 + ["LEY003"]
    assert found[-1].blind


@pytest.mark.parametrize(("trouble", "rule"), [("crash", "LEY004"), ("shrink", "LEY005")])
def test_a_large_file_that_takes_its_reader_along_is_a_finding(tmp_path, trouble, rule):
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(9 << 20)
        stream.write(trouble.encode())
    assert [one.rule for one in records(path, jobs=1)] == [rule]


@pytest.mark.parametrize("paths", [(), ("/no/such/path",)])
def test_nothing_to_look_at_ends(paths):
    assert [one.rule for one in records(*paths)] == ["LEY001"] * len(paths)
