"""Pickles that no program writes: what CPython would import is told, in little time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz import pickles as target

ROOT = Path(__file__).parents[2]


def test_whatever_cpython_would_import_is_told():
    figures = target.run(1, streams=4_000)
    assert figures.complete > 1_000
    assert figures.names > 2_000
    assert figures.events.keys() > {"FETCH", "CALL", "FRAME", "MUTATION", "COMPUTED", "EXTENSION", "NON_ASCII"}


@pytest.mark.parametrize("data", [b"cposix\nsystem\n.", b"Vposix\nVsystem\n\x93."])
def test_the_fuzz_would_notice_a_name_that_is_not_told(monkeypatch, data):
    found = target.interpret(memoryview(data))
    found.names.clear()
    monkeypatch.setattr(target, "interpret", lambda _: found)
    with pytest.raises(AssertionError, match="InC asks for"):
        target.check(data)


def test_hostile_pickles_take_no_more_memory_than_their_size_explains(tmp_path):
    """In a process of its own, which may have 128 MiB more than it needs to start."""
    paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    command = [sys.executable, "-m", "tests.fuzz.pickles", "--streams", "3000", "--seed", "3", "--memory", "128"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("seed 3: 3000 streams")
