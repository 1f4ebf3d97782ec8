"""The same user program under pytorch-lightning and under Leyden: hooks, metrics, rows, counters, files and weights."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.parity.compare import mismatches
from tests.parity.run import PROGRAMS, program_names

HERE = Path(__file__)
ROOT = HERE.parents[2]
FRAMEWORKS = ("pytorch_lightning", "leyden")
LIMIT = 300


@pytest.fixture(scope="session")
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each framework answered to each program that this session tests: one process per framework, side by side."""
    here = (test for test in request.session.items if isinstance(test, pytest.Function) and test.path == HERE)
    wanted = sorted({test.callspec.params["program"] for test in here})
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("PL_")
    }  # of other tests' seeds
    environment = inherited | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    folders = {name: tmp_path_factory.mktemp(name) for name in FRAMEWORKS}
    runs = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.parity.run", name, str(folder), *wanted],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, folder in folders.items()
    }
    printed = {name: process.communicate(timeout=LIMIT)[0] for name, process in runs.items()}
    for name, process in runs.items():
        assert process.returncode == 0, f"the run under {name} failed:\n{printed[name]}"
    return {name: json.loads((folder / "results.json").read_text()) for name, folder in folders.items()}


@pytest.mark.parity
@pytest.mark.parametrize("program", program_names())
def test_a_program_runs_alike_under_both_frameworks(program: str, answers: dict[str, Any]) -> None:
    theirs, ours = (answers[name][program] for name in FRAMEWORKS)
    assert "error" not in theirs, f"the program fails under pytorch-lightning:\n{theirs['error']}"
    if theirs["unavailable"]:
        assert "leyden.errors." in ours.get("error", ""), (
            f"declared as unavailable, but it ran: {theirs['unavailable']}"
        )
        return
    assert "error" not in ours, f"the program fails under Leyden:\n{ours['error']}"
    wrong = mismatches(theirs["result"], ours["result"], theirs["differs"])
    assert not wrong, f"{len(wrong)} mismatches in {program}, the first:\n" + "\n\n".join(wrong[:3])


@pytest.mark.parity
@pytest.mark.parametrize("program", program_names())
def test_a_declared_difference_stands_in_the_documentation(program: str) -> None:
    declares = re.search(r"^(DIFFERS|UNAVAILABLE)\b", (PROGRAMS / f"{program}.py").read_text(), re.MULTILINE)
    documented = f"`{program}`" in (ROOT / "docs" / "differences.md").read_text()
    assert documented or not declares, f"docs/differences.md does not mention {program}, which declares a difference"
