"""Prints what picklescan and modelscan find in the same corpus: ``python -m benchmarks.audit.peers PS MS [DIRECTORY]``.

PS and MS are the Pythons of environments that have these scanners. They parse pickles without running them, and see
each file alone, through their own interface, with their default settings but for ``--strict``. A finding counts; an
error and a file that was passed over do not, as for their exit codes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.audit import harmless, hostile
from benchmarks.audit.rates import findings, written

PICKLESCAN = """
import json, logging, sys, time
from picklescan.scanner import scan_file_path
logging.disable(logging.CRITICAL)
for line in sys.stdin:
    start = time.perf_counter()
    try:
        found = scan_file_path(json.loads(line), strict=True).issues_count > 0
    except Exception:
        found = False
    print(json.dumps([bool(found), time.perf_counter() - start]), flush=True)
"""
MODELSCAN = """
import json, logging, sys, time
from modelscan.modelscan import ModelScan
logging.disable(logging.CRITICAL)
scanner, answers = ModelScan(), sys.stdout
for line in sys.stdin:
    start = time.perf_counter()
    try:
        found = scanner.scan(json.loads(line))["summary"]["total_issues"] > 0
    except Exception:
        found = False
    print(json.dumps([bool(found), time.perf_counter() - start]), file=answers, flush=True)
"""


class Peer:
    """A scanner in a process of its own, which answers for one file after the other."""

    def __init__(self, python: str, program: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, path: Path) -> tuple[bool, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        self._process.stdin.flush()
        found, seconds = json.loads(self._process.stdout.readline())
        return found, seconds

    def end(self) -> None:
        self._process.communicate()


def ours(path: Path) -> tuple[bool, float]:
    start = time.perf_counter()
    return bool(findings(path)), time.perf_counter() - start


def main() -> None:
    picklescan, modelscan = Peer(sys.argv[1], PICKLESCAN), Peer(sys.argv[2], MODELSCAN)
    scanners = {"leyden audit": ours, "picklescan --strict": picklescan.ask, "modelscan": modelscan.ask}
    with tempfile.TemporaryDirectory() as directory:
        for title, samples in (("hostile", hostile.samples()), ("harmless", harmless.samples())):
            report(title, [path for _, path in written(samples, Path(directory) / title)], scanners)
    for real in sys.argv[3:]:
        report(real, sorted(path for path in Path(real).rglob("*") if path.is_file()), scanners)
    for peer in (picklescan, modelscan):
        peer.end()


def report(title: str, paths: list[Path], scanners: dict[str, Callable[[Path], tuple[bool, float]]]) -> None:
    for name, ask in scanners.items():
        answers = [ask(path) for path in paths]
        seconds = sorted(taken for _, taken in answers)
        print(
            f"{title}: {name}: {sum(found for found, _ in answers)} of {len(answers)} flagged, "
            f"median {1000 * seconds[len(seconds) // 2]:.1f} ms, slowest {seconds[-1]:.2f} s",
            flush=True,
        )


main()
