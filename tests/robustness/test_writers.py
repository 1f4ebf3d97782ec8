from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("way", ["all and last", "in the background", "all and a link"])
def test_two_runs_that_choose_the_same_names_at_the_same_moments_keep_all_that_they_saved(way):
    """Twenty times; ``python -m tests.robustness.writers`` does it as often as one likes."""
    command = [sys.executable, "-m", "tests.robustness.writers", way, "--rounds", "20"]
    environment = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{way}: 20 of 40 had to take another name\n"
