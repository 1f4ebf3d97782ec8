"""Crash a training at every step of its writing, go on from what is left, and compare with one that was not stopped.

    python -m tests.robustness.every_step "two best and last" --every 1

One process loads torch and forks for each run, since a crash has to end a process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.robustness import program
from tests.robustness.crash import CRASHED, crash_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", default=[*program.WAYS])
    parser.add_argument("--first", type=int, default=1, help="the first step to crash at")
    parser.add_argument("--every", type=int, default=1, help="crash at every n-th step from there")
    asked = parser.parse_args()
    for way in asked.ways:
        with tempfile.TemporaryDirectory() as directory:
            os.environ["LEYDEN_HOME"] = str(Path(directory, "keys"))
            crashes = check(Path(directory), way, asked.first, asked.every)
        print(f"{way}: {crashes} crashes, every one survived")


def check(directory: Path, way: str, first: int, every: int) -> int:
    """Crash at one step after the other, until a run gets by without; returns the number of crashes."""
    whole, crashed = directory / "whole", directory / "crashed"
    program.lay_out(whole)
    program.tell(whole, program.run(whole, way))  # in this process, so that the others find everything imported
    step, crashes, before = first, 0, (-1, -1)
    while True:
        program.lay_out(crashed)
        status = in_child(lambda: (crash_at(step), program.run(crashed, way)))  # noqa: B023 - it runs at once
        assert status in (0, CRASHED), f"{way}, step {step}: the run ended with {status}"
        if status == 0:
            return crashes
        crashes += 1
        try:
            saved = program.saved(crashed)
            assert saved[0] >= before[0], f"the newest checkpoint was of save {before[0]} and is of {saved[0]}"
            assert saved[1] >= before[1], f"the last checkpoint was of save {before[1]} and is of {saved[1]}"
            before = saved
            if not program.WAYS[way].get("save_weights_only"):  # from weights alone no run goes on
                check_resumed(whole, crashed, way)
        except AssertionError as error:
            raise AssertionError(f"{way}, crash at step {step}: {error}") from error
        shutil.rmtree(crashed)
        step += every


def check_resumed(whole: Path, crashed: Path, way: str, **how: Any) -> None:
    """Go on, and compare the end with that of the whole run."""
    resumed = program.newest(crashed)
    if program.WAYS[way].get("save_last"):
        last = crashed / "ckpts" / "last.ckpt"
        resumed = str(last.resolve()) if last.exists() else resumed
        source: str | None = "last"
    else:
        source = resumed
    assert in_child(lambda: program.tell(crashed, program.run(crashed, way, source, **how))) == 0, (
        "the resumed run failed"
    )
    expected, found = (json.loads((root / program.TOLD).read_text()) for root in (whole, crashed))
    # The file that a run goes on from is never deleted.
    extra = set(found["files"]) - set(expected["files"])
    assert extra <= {resumed and Path(resumed).name}, f"{extra} are left"
    found["files"] = sorted(set(found["files"]) - extra)
    assert found == expected


def in_child(run: Callable[[], Any]) -> int:
    """Run something in a process of its own; its exit status."""
    child = os.fork()
    if child == 0:
        try:
            run()
        except BaseException:  # noqa: BLE001 - the child must not return
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
