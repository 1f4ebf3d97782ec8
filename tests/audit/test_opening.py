from __future__ import annotations

import os
from pathlib import Path

import pytest

from leyden.audit import opening
from leyden.audit.finding import Budget
from leyden.audit.opening import ChangedError, SpecialError, opened


def test_a_file_is_read_whole(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"content")
    path.chmod(0o640)
    with opened(str(path), Budget()) as file:
        assert bytes(file.data) == b"content"
        assert file.mode == 0o640


def test_a_large_file_is_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "LARGEST_READ", 3)
    path = tmp_path / "a"
    path.write_bytes(b"content")
    with opened(str(path), Budget()) as file:
        kept = file.data[3:]
    assert bytes(kept) == b"tent"


def test_an_empty_file_is_no_special_case(tmp_path):
    path = tmp_path / "a"
    path.touch()
    with opened(str(path), Budget()) as file:
        assert bytes(file.data) == b""


def test_a_pipe_that_took_the_place_of_a_file_does_not_wait(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecialError), opened(str(tmp_path / "pipe"), Budget()):
        pass


@pytest.mark.parametrize("larger", [False, True])
@pytest.mark.parametrize("change", ["grow", "shrink"])
def test_a_file_that_changes_meanwhile_is_told(tmp_path, monkeypatch, larger, change):
    monkeypatch.setattr(opening, "LARGEST_READ", 3 if larger else 100)
    path = tmp_path / "a"
    path.write_bytes(b"content")
    with pytest.raises(ChangedError, match="another program wrote"), opened(str(path), Budget()):
        path.write_bytes(b"content and more" if change == "grow" else b"c")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs a file that has no size")
def test_a_file_without_a_size_is_told():
    with pytest.raises(ChangedError, match="0 bytes"), opened("/proc/self/status", Budget()):
        pass
