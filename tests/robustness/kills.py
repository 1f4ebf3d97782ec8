"""Kill a training with SIGKILL at random moments, each time go on from what is left, and look at every file.

    python -m tests.robustness.kills --kills 200
    python -m tests.robustness.kills --kills 60 --background 2

Half of the kills each hit a run of their own, which then goes on to its end and is compared with one that was not
stopped. The others hit a chain, in which each run goes on where the last was killed, by "last" or from the newest file.
With --background, checkpoints are written on a thread, and so many may be in flight. TMPDIR is on another file system,
if there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.robustness import program
from tests.robustness.every_step import check_resumed, in_child

from leyden.checkpoint.load import load

MEMORY = Path("/dev/shm")  # another file system than that of the checkpoints
WAYS = ["two best and last", "best and a link", "newest and last", "two best"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--background", type=int, default=0)
    asked = parser.parse_args()
    if MEMORY.is_dir():
        tempfile.tempdir = None
        os.environ["TMPDIR"] = str(MEMORY)
    here = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix=".kills-"))
    os.environ["LEYDEN_HOME"] = str(here / "keys")
    try:
        alone(here, asked.kills // 2, random.Random(asked.seed), asked.background)
        chain(here, asked.kills // 2, random.Random(asked.seed), asked.background)
    finally:
        shutil.rmtree(here)


def alone(here: Path, kills: int, chance: random.Random, flying: int) -> None:
    """Kill runs that have begun anew."""
    found: Counter[str] = Counter()
    how = {"async_checkpointing": flying}
    for way in WAYS:
        whole = here / "whole"
        program.lay_out(whole)
        program.tell(whole, program.run(whole, way))
        began = time.monotonic()
        in_child(lambda: program.run(here / "again", way, **how))  # noqa: B023 - it runs at once
        lasts = time.monotonic() - began
        for _ in range(kills // len(WAYS)):
            root = here / "killed"
            program.lay_out(root)
            killed(lambda: program.run(root, way, **how), chance.uniform(0, lasts))  # noqa: B023 - it runs at once
            found["left in the middle of a save"] += bool(program.temporary(root))
            program.saved(root)
            check_resumed(whole, root, way, **how)
            found["kills"] += 1
            shutil.rmtree(root)
        shutil.rmtree(whole)
        shutil.rmtree(here / "again")
    print(f"alone, {flying} in flight: {dict(found)}, and each run went on to the end of one that was not killed")


def chain(here: Path, kills: int, chance: random.Random, flying: int) -> None:
    """Kill a run, go on, kill that, and so on; the files at the end are those of a run that was not killed."""
    found: Counter[str] = Counter()
    # Ever better, with setbacks: most are among the best when they come, and saved.
    scores = [chance.random() * 20 - epoch for epoch in range(100_000)]
    way, root, before = "two best and last", here / "chain", (0, 0)
    program.lay_out(root)
    program.run(here / "first", way, None, scores, 2)  # so that every run finds everything imported
    for _ in range(kills):
        by_last = chance.random() < 0.7
        source = "last" if by_last else program.newest(root)
        if source not in (None, "last"):
            found["resumed from the newest file"] += 1
        run = partial(program.run, root, way, source, scores, len(scores), async_checkpointing=flying)
        killed(run, chance.uniform(0, 2))
        left = program.temporary(root)
        found["left in the middle of a save"] += bool(left)
        # One that was being written, and the names that each save has reserved, of one of the best and a last.
        assert len(left) <= 1 + 2 * (1 + flying), f"{left} are left"
        saved = program.saved(root)
        assert saved >= before, f"the newest and the last were of the saves {before}, and are of {saved}"
        before = saved
        found["kills"] += 1
    newest = program.newest(root)
    assert newest is not None
    epochs = load(newest)["epoch"] + 3
    found["saves"], found["epochs"] = before[0], epochs
    for place, source in ((root, "last"), (here / "whole", None)):
        if place != root:
            program.lay_out(place)
        assert in_child(lambda: program.tell(place, program.run(place, way, source, scores, epochs))) == 0  # noqa: B023
    chained, whole = (json.loads((place / program.TOLD).read_text()) for place in (root, here / "whole"))
    kept = set(chained.pop("files")) - set(whole.pop("files"))
    assert chained == whole, f"{chained}\n{whole}"
    assert len(kept) <= found["resumed from the newest file"], f"{kept} are left"
    print(f"in a chain, {flying} in flight: {dict(found)}; {len(kept)} files that a run went on from were kept")


def killed(run: Callable[[], Any], after: float) -> None:
    """Run something in a process of its own, and kill that after so many seconds."""
    child = os.fork()
    if child == 0:
        try:
            run()
        except BaseException:  # noqa: BLE001 - the child must not return
            traceback.print_exc()
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
