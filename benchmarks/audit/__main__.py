"""Prints how many files of each technique are found: ``python -m benchmarks.audit [DIRECTORY of real files]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.audit import harmless, hostile
from benchmarks.audit.rates import findings, measure


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        for title, samples in (("hostile", hostile.samples()), ("harmless", harmless.samples())):
            rates = measure(samples, Path(directory) / title)
            for technique, rate in rates.items():
                print(f"{title}: {technique}: {len(rate.found)} of {rate.total} found, slowest {rate.slowest:.2f} s")
            found, total = sum(len(r.found) for r in rates.values()), sum(r.total for r in rates.values())
            print(f"{title}: {found} of {total} found")
    for real in sys.argv[1:]:
        paths = [path for path in sorted(Path(real).rglob("*")) if path.is_file()]
        alarms = {path: found for path in paths if (found := findings(path))}
        for path, found in alarms.items():
            print(f"{path}: {found[0].rule} {found[0].message}")
        print(f"{real}: {len(alarms)} of {len(paths)} files have findings")


main()
