"""Files made from good ones of torch by a stranger: each is read as torch reads it, or refused, in little time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz import legacy as target

ROOT = Path(__file__).parents[2]


def test_every_hostile_file_is_read_as_torch_reads_it_or_is_one_clear_error():
    figures = target.run(2, files=1500)
    assert figures.compared > 30  # some changes make another sound file
    assert figures.errors["FormatError"] > 500
    assert figures.errors["TrustError"] > 5


def test_a_file_cut_short_at_any_byte_is_refused():
    for data in target.samples():
        assert target.truncated(data) > 100


def test_hostile_files_take_no_more_memory_than_their_size_explains(tmp_path):
    """In a process of its own, which may have 256 MiB more than it needs to start."""
    paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    command = [sys.executable, "-m", "tests.fuzz.legacy", "--files", "300", "--seed", "3", "--memory", "256"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("seed 3: 300 files")
