"""How many files of each technique are found."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from benchmarks.audit.making import Sample
from leyden.audit.artifacts.source import SOURCE
from leyden.audit.finding import Finding, Severity
from leyden.audit.look import Job, look

TODAY = date(2026, 1, 1)


@dataclass
class Rate:
    """Files of one technique: how many there are, and which ones were and were not found."""

    found: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def total(self) -> int:
        return len(self.found) + len(self.missed)


def findings(path: Path) -> list[Finding]:
    """What counts in a file: as ``leyden audit`` answers it with its own settings."""
    job = Job(str(path), path.name, inline=False, digest=False)
    records = look(job, (SOURCE,), TODAY)
    return [r for r in records if isinstance(r, Finding) and r.severity >= Severity.LOW]


def written(samples: Iterable[Sample], directory: Path) -> Iterator[tuple[Sample, Path]]:
    """The files of a corpus, one at a time."""
    for sample in samples:
        path = directory / sample.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample.content)
        yield sample, path


def measure(samples: Iterable[Sample], directory: Path) -> dict[str, Rate]:
    """The rate of each technique."""
    rates: dict[str, Rate] = {}
    for sample, path in written(samples, directory):
        rate = rates.setdefault(sample.technique, Rate())
        start = time.perf_counter()
        found = findings(path)
        rate.slowest = max(rate.slowest, time.perf_counter() - start)
        (rate.found if found else rate.missed).append(sample.name)
    return rates
