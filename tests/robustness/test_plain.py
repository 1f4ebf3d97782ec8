from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_whatever_way_a_checkpoint_is_encrypted_it_is_never_plain_on_the_disk(tmp_path):
    """In a process of its own, since what it watches cannot be taken back."""
    command = [sys.executable, "-B", "-m", "tests.robustness.plain", str(tmp_path)]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("nothing plain\n")
