"""Microseconds and Python calls that a training step costs: a plain loop, Leyden and pytorch-lightning in turns.

    python -m benchmarks.step_cost --steps 2000 --rounds 7 --json step_cost.json

One process runs everything, one thread, each case of each framework once in a round, in an order that turns with the
rounds. Each run is timed in pieces of 50 steps. What is printed is the quietest piece of all rounds, and the median in
brackets; ratios are those of the quietest pieces, and of the medians.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks import counting
from benchmarks.programs import (
    CASES,
    ONE_LOG,
    TEN_LOGS,
    Batches,
    Case,
    Framework,
    Terminal,
    leyden,
    lightning,
    run_case,
    run_plain,
)

PLAIN = "plain"
CLOCKS = {"wall": time.perf_counter, "cpu": time.thread_time}
WARM_UP = 100
PIECE = 50  # steps timed together: short enough to fall between what else the machine does
Times = dict[str, dict[str, list[float]]]  # microseconds a step, for each piece; by case and framework


def measure(
    frameworks: list[Framework], cases: list[Case], steps: int, rounds: int, clock: Callable[[], float]
) -> Times:
    """Run everything in turns."""
    times: Times = {case.name: defaultdict(list) for case in cases}
    for turn in range(rounds):
        for case in cases:
            with tempfile.TemporaryDirectory() as directory:
                runs: dict[str, Callable[[Batches], Any]] = {PLAIN: run_plain}
                for framework in frameworks:
                    runs[framework.name] = partial(run_case, framework, case, directory)
                names = list(runs)
                place = turn % len(names)
                for name in names[place:] + names[:place]:
                    times[case.name][name].extend(timed(runs[name], steps, clock))
        print(f"round {turn + 1} of {rounds}", end="\r", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return times


def timed(run: Callable[[Batches], Any], steps: int, clock: Callable[[], float]) -> list[float]:
    """Microseconds for each step, for each piece of the run; its start and end are left out."""
    stamps: list[float] = []

    def stamp() -> None:
        stamps.append(clock())

    edges = range(WARM_UP, WARM_UP + steps + 1, PIECE)
    gc.collect()
    with contextlib.redirect_stdout(Terminal()):
        run(Batches(edges[-1] + 1, dict.fromkeys(edges, stamp)))
    return [(end - begin) / PIECE * 1e6 for begin, end in pairwise(stamps)]


def report(times: Times, calls: dict[str, dict[str, float]], names: list[str]) -> str:
    """The figures as a table in Markdown."""
    others = [name for name in names if name != PLAIN]
    header = [
        "µs a step, min (median)",
        *names,
        *(f"{name} / plain" for name in others),
        *(f"{name} calls" for name in names),
    ]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for case, of in times.items():
        lines.append(
            [
                case,
                *(f"{min(of[name]):.0f} ({median(of[name]):.0f})" for name in names),
                *(
                    f"{min(of[name]) / min(of[PLAIN]):.2f} ({median(of[name]) / median(of[PLAIN]):.2f})"
                    for name in others
                ),
                *(f"{calls[case][name]:.0f}" for name in names),
            ]
        )
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return "\n".join([table, "", *(one_more_log(times, calls, name) for name in others)])


def one_more_log(times: Times, calls: dict[str, dict[str, float]], name: str) -> str:
    """What one more ``self.log`` costs: nine of them lie between two of the cases."""
    if ONE_LOG.name not in times or TEN_LOGS.name not in times:
        return ""
    quietest = min(times[TEN_LOGS.name][name]) - min(times[ONE_LOG.name][name])
    counted = calls[TEN_LOGS.name][name] - calls[ONE_LOG.name][name]
    return f"{name}: one more self.log costs {quietest / 9:.1f} µs and {counted / 9:.1f} Python calls"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000, help="steps measured in each run")
    parser.add_argument("--rounds", type=int, default=5, help="how often each case is run")
    parser.add_argument(
        "--clock", choices=list(CLOCKS), default="wall", help="cpu: time of this thread, on a busy machine"
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures to a file")
    parser.add_argument("--only", choices=("leyden", "lightning"), help="leave the other framework out")
    parser.add_argument(
        "--case", action="append", choices=[case.name for case in CASES], help="run this case; may be repeated"
    )
    arguments = parser.parse_args(argv)
    if arguments.steps < PIECE or arguments.rounds < 1:
        parser.error(f"--steps must be {PIECE} or more and --rounds 1 or more")

    torch.set_num_threads(1)
    makers = {"leyden": leyden, "lightning": lightning}
    frameworks = [make() for name, make in makers.items() if arguments.only in (None, name)]
    cases = [case for case in CASES if arguments.case is None or case.name in arguments.case]
    names = [PLAIN, *(framework.name for framework in frameworks)]

    plain_calls = counting.calls_of_plain_loop()
    with contextlib.redirect_stdout(Terminal()):
        calls = {
            case.name: {PLAIN: plain_calls, **{f.name: counting.calls_per_step(f, case) for f in frameworks}}
            for case in cases
        }
    times = measure(frameworks, cases, arguments.steps, arguments.rounds, CLOCKS[arguments.clock])
    print(report(times, calls, names))
    print()
    for framework in frameworks:
        package = framework.Trainer.__module__.partition(".")[0]
        print(
            f"{framework.name}: {len(counting.frames_above_step(framework, package))} frames from fit to training_step"
        )
    machine = {"python": platform.python_version(), "torch": torch.__version__, "system": platform.platform()}
    print(", ".join(f"{key} {value}" for key, value in machine.items()), f"{arguments.clock} time", sep=", ")
    if arguments.json:
        figures = {
            "machine": machine,
            "steps": arguments.steps,
            "clock": arguments.clock,
            "calls": calls,
            "microseconds": times,
        }
        Path(arguments.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
