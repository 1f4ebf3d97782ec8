"""Files made from a good one by a stranger: each is read as what it says, or refused, in little time and memory."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz import checkpoint as target

from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.errors import DigestError, FormatError, SealError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return target.sample(tmp_path_factory.mktemp("fuzz"))


def test_no_changed_file_is_read_as_anything(sample):
    chance = random.Random(1)
    for _ in range(1000):
        changed = target.mutated(sample, chance)
        if changed != sample:
            with pytest.raises((FormatError, DigestError, SealError)):
                load(io.BytesIO(changed))


def test_every_hostile_file_with_fitting_digests_is_read_rightly_or_is_one_clear_error():
    figures = target.run(2, files=900)
    assert figures.kinds.keys() == target.KINDS.keys()
    assert figures.read > 20  # some changes make another sound file
    assert figures.errors["FormatError"] > 200
    assert figures.errors["TrustError"] > 0
    assert figures.errors["EncryptionError"] > 20


def test_a_file_cut_short_at_any_byte_is_refused(tmp_path):
    save({"epoch": 1, "b": b"abc" * 400}, tmp_path / "a.ckpt")
    assert target.truncated((tmp_path / "a.ckpt").read_bytes()) > 1000


def test_hostile_files_take_no_more_memory_than_their_size_explains(tmp_path):
    """In a process of its own, which may have 64 MiB more than it needs to start."""
    paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    command = [sys.executable, "-m", "tests.fuzz.checkpoint", "--files", "150", "--seed", "3", "--memory", "64"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("seed 3: 150 files")
