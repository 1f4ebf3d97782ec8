from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(("way", "first"), [("two best and last", 8), ("best and a link", 5)])
def test_a_run_that_dies_at_any_step_of_a_save_goes_on_to_the_same_end(way, first):
    """A sample; ``make kill`` crashes at every step, in every way to keep checkpoints."""
    command = [sys.executable, "-m", "tests.robustness.every_step", way, "--first", str(first), "--every", "31"]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": f"{ROOT / 'src'}"}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"every one survived" in done.stdout
