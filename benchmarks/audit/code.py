"""Prints what bandit finds beside the audit of code, and how long both take.

``python -m benchmarks.audit.code BANDIT TREE...``

BANDIT is the command of an environment that has it. Each tree is looked at by both in turns. Then both look at the
corpus of tests/audit/code, one file for each program. Nothing that they look at is run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.audit.code.corpus import programs

TURNS: Final = 3
# Tests of bandit that ask what rules of ours ask.
SAME: Final[Mapping[str, tuple[str, ...]]] = {
    "B102": ("LEY231",),
    "B103": ("LEY261",),
    "B104": ("LEY241",),
    "B105": ("LEY264",),
    "B106": ("LEY264",),
    "B107": ("LEY264",),
    "B108": ("LEY262",),
    "B202": ("LEY263",),
    "B201": ("LEY245",),
    "B301": ("LEY204", "LEY205", "LEY207"),
    "B302": ("LEY204",),
    "B306": ("LEY262",),
    "B307": ("LEY231",),
    "B310": ("LEY248",),
    "B501": ("LEY247",),
    "B502": ("LEY247",),
    "B506": ("LEY208",),
    "B507": ("LEY251",),
    "B602": ("LEY234",),
    "B604": ("LEY234",),
    "B605": ("LEY234",),
    "B614": ("LEY201", "LEY202"),
    "B615": ("LEY210", "LEY211"),
}


def ran(command: Sequence[str], output: Path) -> tuple[dict[str, Any], float, float]:
    """The JSON report of a command, its seconds, and those of processors."""
    started, before = time.perf_counter(), os.times()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(output.read_text()), time.perf_counter() - started, spent


def ours(tree: str, output: Path) -> tuple[dict[str, Any], float, float]:
    start = "import sys; from leyden.cli.main import main; sys.exit(main())"
    options = ["--severity", "info", "--all", "--format", "json", "--output", str(output)]
    return ran([sys.executable, "-c", start, "audit", tree, *options], output)


def bandit(command: str, tree: str, output: Path) -> tuple[dict[str, Any], float, float]:
    return ran([command, "--quiet", "--exit-zero", "-r", tree, "-f", "json", "-o", str(output)], output)


def compare(theirs: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    """How many findings of each test of bandit's stand where a rule of ours has one."""
    found = defaultdict(list)
    for finding in report["findings"]:
        place = finding["place"]
        found[os.path.realpath(place["path"])].append((finding["rule"], place.get("line")))
    rules = Counter(finding["rule"] for finding in report["findings"])
    tests: Counter[str] = Counter()
    both: Counter[str] = Counter()
    for result in theirs["results"]:
        test = result["test_id"]
        tests[test] += 1
        lines = {*result["line_range"], result["line_number"]}
        here = found[os.path.realpath(result["filename"])]
        both[test] += any(rule in SAME.get(test, ()) and line in lines for rule, line in here)
    for test in sorted(SAME):
        if tests[test]:
            own = sum(rules[rule] for rule in SAME[test])
            print(f"  {test}: bandit {tests[test]}, both {both[test]}, {' '.join(SAME[test])} {own}")
    rest = sum(number for test, number in tests.items() if test not in SAME)
    print(
        f"  other tests: {rest}; other rules: {sum(rules.values()) - sum(rules[r] for r in {*sum(SAME.values(), ())})}"
    )


def recall(command: str, directory: Path) -> None:
    """How many programs of the corpus each of the two finds anything in, the harmless ones beside them."""
    listed = list(programs())
    numbers = {id(one): number for number, one in enumerate(listed)}
    for number, program in enumerate(listed):
        (directory / f"{number:05}{Path(program.name).suffix}").write_text(program.text)
    report, _, _ = ours(str(directory), directory / "ours.out")
    theirs, _, _ = bandit(command, str(directory), directory / "theirs.out")
    own = {(int(Path(f["place"]["path"]).stem), f["rule"]) for f in report["findings"]}
    named = {(int(Path(r["filename"]).stem), rule) for r in theirs["results"] for rule in SAME.get(r["test_id"], ())}
    shared = {rule for rules in SAME.values() for rule in rules}
    for what, counted in (("all", listed), ("of rules that bandit has", [one for one in listed if one.rule in shared])):
        for title, answers in (("leyden audit", own), ("bandit", named)):
            found = [one for one in counted if (numbers[id(one)], one.rule) in answers]
            dangerous = sum(one.dangerous for one in found)
            half = len(counted) // 2  # each dangerous program has a harmless twin
            print(
                f"corpus, {what}: {title}: {dangerous} of {half} dangerous, {len(found) - dangerous} of {half} harmless"
            )


def main() -> None:
    command, *trees = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for tree in trees:
            for _ in range(TURNS):
                report, wall, spent = ours(tree, directory / "ours.out")
                theirs, their_wall, their_spent = bandit(command, tree, directory / "theirs.out")
                print(f"{tree}: leyden audit {wall:.1f} s ({spent:.1f} s of processors), "
                      f"bandit {their_wall:.1f} s ({their_spent:.1f} s)")  # fmt: skip
            compare(theirs, report)
    with tempfile.TemporaryDirectory() as name:
        recall(command, Path(name))


if __name__ == "__main__":
    main()
