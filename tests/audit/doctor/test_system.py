from __future__ import annotations

import os

from leyden.audit.doctor.line import Status
from leyden.audit.doctor.system import environment, files


def found(here):
    return {line.name: line for line in files(here)}


def test_new_files_that_everybody_may_change_are_a_problem(tmp_path):
    assert found(tmp_path)["umask"].status is Status.OK
    os.umask(0o020)
    assert found(tmp_path)["umask"].status is Status.PROBLEM
    assert os.umask(0o022) == 0o020  # asking has changed nothing


def test_a_directory_that_is_gone_is_told(tmp_path):
    assert found(tmp_path / "gone")["disk"].status is Status.UNKNOWN


def test_the_directory_for_temporary_files_is_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert found(tmp_path)["temporary files"].value == str(tmp_path)


def test_the_program_and_its_python_are_named():
    assert {"leyden", "Python", "system"} <= {line.name for line in environment()}
