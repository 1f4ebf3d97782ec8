"""A small program stands in for pip-audit: it notes how it was called and answers what pip-audit has answered."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tests.audit.environment.environments import environment, install

from leyden.audit.environment import online, places

ANSWER = {
    "dependencies": [
        {"name": "Demo", "version": "1.0", "vulns": [
            {"id": "PYSEC-2026-1", "fix_versions": ["1.1", "2.0"], "aliases": ["CVE-2026-1"], "description": "Long."}
        ]},
        {"name": "other", "version": "2.0", "vulns": [{"id": "GHSA-x", "fix_versions": [], "aliases": []}]},
        {"name": "sound", "version": "3.0", "vulns": []},
        {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited: torch (2.9.0+cpu)"},
    ],
    "fixes": [],
}  # fmt: skip


@pytest.fixture
def answering(tmp_path, monkeypatch):
    """Puts a pip-audit on PATH that answers with a text; the file in which it notes its arguments."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere" / "python"))
    noted = tmp_path / "arguments"

    def put(answer: str, code: int = 1, told: str = "", folder: Path = tmp_path / "programs") -> Path:
        folder.mkdir(exist_ok=True, parents=True)
        (folder / "answer").write_text(answer)
        program = folder / "pip-audit"
        program.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" >> {noted}\necho "{told}" >&2\ncat {folder / "answer"}\nexit {code}\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder) + os.pathsep + "/usr/bin:/bin")
        return noted

    return put


def found(prefix: Path):
    return [(one.rule, one.place.path, one.message, one.mend) for one in online.look(places.named(prefix))]


def test_what_it_knows_of_an_environment_becomes_findings(tmp_path, answering):
    folder = environment(tmp_path / "env")
    info = install(folder, "demo", "1.0")
    noted = answering(json.dumps(ANSWER))
    assert found(tmp_path / "env") == [
        ("LEY440", str(info), "PYSEC-2026-1 (CVE-2026-1) names Demo 1.0.", "Install 1.1 or 2.0."),
        (
            "LEY440",
            str(tmp_path / "env"),
            "GHSA-x names other 2.0.",
            "No release is without it: remove the package, or wait for one.",
        ),
        (
            "LEY442",
            str(tmp_path / "env"),
            "pip-audit has passed over torch: Dependency not found on PyPI and could not be audited: torch (2.9.0+cpu)",
            "",
        ),
    ]
    arguments = noted.read_text().splitlines()
    assert arguments == ["--format", "json", "--progress-spinner", "off", "--path", str(folder)]


def test_where_it_has_looked_up_nothing_at_all_that_is_told_as_blind(tmp_path, answering):
    environment(tmp_path / "env")
    skipped = [{"name": name, "skip_reason": "Dependency not found on PyPI"} for name in ("demo", "other")]
    answering(json.dumps({"dependencies": skipped}), code=0)
    (one,) = online.look(places.named(tmp_path / "env"))
    assert (one.rule, one.blind) == ("LEY441", True)
    assert "none of 2 packages" in one.message


@pytest.mark.parametrize(
    "answer",
    ["", "Traceback", "[]", '{"dependencies": 1}', '{"dependencies": [1]}',
     '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": 1}]}]}', "[" * 1000],
)  # fmt: skip
def test_an_answer_that_is_none_is_told_as_blind(tmp_path, answering, answer):
    environment(tmp_path / "env")
    answering(answer, told="warning\nConnectionError: no route to host")
    (one,) = online.look(places.named(tmp_path / "env"))
    assert (one.rule, one.blind) == ("LEY441", True)
    assert "ConnectionError: no route to host" in one.message


def test_where_it_is_not_installed_that_is_told_as_blind(tmp_path, answering, monkeypatch):
    environment(tmp_path / "env")
    monkeypatch.setenv("PATH", str(tmp_path))
    (one,) = online.look(places.named(tmp_path / "env"))
    assert (one.rule, one.blind) == ("LEY441", True)


def test_one_inside_of_what_is_looked_at_is_not_run(tmp_path, answering):
    environment(tmp_path / "env")
    noted = answering(json.dumps(ANSWER), folder=tmp_path / "env" / "bin")
    assert [one.rule for one in online.look(places.named(tmp_path / "env"))] == ["LEY441"]
    assert not noted.exists()


def test_one_that_path_names_from_here_is_not_run(tmp_path, answering, monkeypatch):
    environment(tmp_path / "env")
    noted = answering(json.dumps(ANSWER), folder=tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "here:/usr/bin:/bin")
    assert [one.rule for one in online.look(places.named(tmp_path / "env"))] == ["LEY441"]
    assert not noted.exists()


def test_one_that_the_project_has_brought_is_not_run(tmp_path, answering, monkeypatch):
    noted = answering(json.dumps(ANSWER), folder=tmp_path / "project" / "tools")
    (tmp_path / "project" / "requirements.txt").write_text("demo==1.0\n")
    monkeypatch.chdir(tmp_path / "project")
    assert [one.rule for one in online.look(None, online.lists(["."]))] == ["LEY441"]
    assert not noted.exists()


def test_lists_are_asked_about_without_installing_anything(tmp_path, answering):
    noted = answering(json.dumps(ANSWER))
    (tmp_path / "project").mkdir()
    for name in ("requirements.txt", "requirements-dev.txt", "notes.txt"):
        (tmp_path / "project" / name).write_text("demo==1.0\n")
    lists = online.lists([str(tmp_path / "project"), str(tmp_path / "project" / "notes.txt")])
    assert [path.name for path in lists] == ["requirements-dev.txt", "requirements.txt"]
    rules = [(one.rule, one.place.path) for one in online.look(None, lists)]
    assert rules.count(("LEY440", str(tmp_path / "project" / "requirements.txt"))) == 2
    assert noted.read_text().split().count("--disable-pip") == 2
    assert [one.rule for one in online.look(None, [])] == ["LEY441"]
