from __future__ import annotations

import pytest

from leyden.audit import permissions
from leyden.audit.finding import Budget, File, Place, Severity
from leyden.audit.permissions import read_directory, read_permissions


def found(name: str, mode: int, inside: tuple[str, ...] = ()):
    return [
        (one.rule, one.severity) for one in read_permissions(File(Place(name, inside), memoryview(b""), Budget(), mode))
    ]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o444])
def test_a_model_that_its_owner_alone_may_write_is_fine(mode):
    assert found("m.pt", mode) == []


def test_a_model_that_everybody_may_write_is_found_and_one_of_a_group_is_a_note():
    assert found("m.ckpt", 0o666) == [("LEY501", Severity.MEDIUM)]
    assert found("m.ckpt", 0o664) == [("LEY501", Severity.INFO)]


def test_other_files_and_members_of_archives_do_not_matter():
    assert found("notes.txt", 0o666) == []
    assert found("a.zip", 0o666, ("m.pt",)) == []


def test_a_directory_in_which_everybody_may_replace_files_is_found():
    assert [one.rule for one in read_directory("d", 0o40777)] == ["LEY502"]
    assert [one.severity for one in read_directory("d", 0o40775)] == [Severity.INFO]
    assert list(read_directory("/tmp", 0o41777)) == []
    assert list(read_directory("d", 0o40755)) == []


def test_where_the_bits_say_nothing_nothing_is_said(monkeypatch):
    monkeypatch.setattr(permissions, "_POSIX", False)
    assert found("m.pt", 0o666) == []
