"""The audit: every file beneath some paths, looked at by every source, told in the order of the files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from typing import Final, final

from leyden.audit.finding import Accepted, Artifact, Finding, Limits, Place, Record, Source, Survey
from leyden.audit.fingerprint import Fingerprints, label
from leyden.audit.look import Job, look, surveyed
from leyden.audit.rules.engine import OVER_LIMIT
from leyden.audit.suppress import Suppression, in_settings
from leyden.audit.walk import Found, Walk, among, beneath
from leyden.redaction import redact_source, redact_text

# A job that is smaller than starting a process (some 80 ms) is done in this one.
_FEW: Final = 64
_SMALL: Final = 1 << 20  # bytes, all together
_BATCH_FILES: Final = 32
_BATCH_BYTES: Final = 16 << 20


@final
@dataclass(frozen=True)
class Orders:
    """What to audit, and how. ``root`` is where labels, baselines and patterns of the settings count from."""

    paths: tuple[str, ...]
    root: str
    exclude: tuple[str, ...] = ()
    everything: bool = False
    trusting: bool = True  # beneath root, comments may accept findings, and LEFT_OUT counts
    digests: bool = False
    jobs: int = 1  # processes; 0: this one alone
    limits: Limits = field(default_factory=Limits)
    suppressions: tuple[Suppression, ...] = ()
    baseline: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)  # the oldest that the project may run each package with
    advisories: str = ""  # the file of a list of bad releases that was verified, in place of the one that is shipped
    only: frozenset[str] | None = None  # resolved paths of the files to look at, where not all of them are
    most: int = 100_000  # findings in all; nobody reads so many, and a report holds them


@final
@dataclass
class Progress:
    """How far it is; kept up to date while records are taken."""

    files: int = 0
    bytes: int = 0
    now: str = ""
    left_out: list[str] = field(default_factory=list)


def audit(
    orders: Orders,
    sources: Callable[[], Sequence[Source]],
    *,
    today: date,
    worker: Sequence[str],
    surveys: Iterable[Survey] = (),
    progress: Progress | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Iterator[Record]:
    """Findings and artifacts, as they come.

    ``tick`` is called now and then, ``worker`` starts a worker process, which has readers of its own; ``sources`` is
    asked for readers only if no process is started. ``surveys`` follow the files, in this process.
    """
    progress = progress or Progress()
    own = orders.root if orders.trusting else None
    walk = Walk(orders.paths, orders.exclude, orders.everything, own, progress.left_out)
    holding, wrong = in_settings(orders.suppressions, today)
    yield from map(without_secrets, wrong)
    # The first few, to see whether it is worth a process; the walk goes on from there.
    found = iter(walk) if orders.only is None else among(walk, orders.only)
    first: list[Found | Finding] = []
    size = 0
    for item in found:
        first.append(item)
        size += item.size if isinstance(item, Found) else 0
        if len(first) > _FEW or size > _SMALL:
            break
    left = orders.most
    small = len(first) <= _FEW and size <= _SMALL
    items = chain(first, found)
    answers = _here(items, orders, sources(), today) if small or orders.jobs == 0 else _away(items, orders, worker)
    for answer in chain(answers, _surveys(surveys, orders)):
        if answer is not None:
            path, length, records = answer
            if length is not None:
                progress.files, progress.bytes, progress.now = progress.files + 1, progress.bytes + length, path
            for record in records:
                left -= isinstance(record, Finding)
                if left < 0:
                    text = f"There are over {orders.most:,} findings, so the audit ended here."
                    yield _named(OVER_LIMIT.at(Place(path), text, key="findings"), orders)
                    return
                yield without_secrets(_judged(record, record.place.path, orders, holding))
        tick()


Answer = tuple[str, "int | None", Iterable[Record]]  # path, size of a file that was looked at, what there was


def _here(items: Iterable[Found | Finding], orders: Orders, sources: Sequence[Source], today: date) -> Iterator[Answer]:
    for item in items:
        if isinstance(item, Finding):
            yield _told(item, orders)
        else:
            yield item.path, item.size, look(_job(item, orders), sources, today)


def _away(items: Iterable[Found | Finding], orders: Orders, worker: Sequence[str]) -> Iterator[Answer | None]:
    """Batches go to the workers; what the walk itself found waits for its turn."""
    from leyden.audit.pool import Pool  # here, since a few small files never need it

    between: dict[int, list[Finding]] = {}  # by the number of files before it
    sizes: dict[int, int] = {}
    given = taken = 0

    def batches() -> Iterator[list[Job]]:
        nonlocal given
        batch: list[Job] = []
        size = 0
        for item in items:
            if isinstance(item, Finding):
                between.setdefault(given, []).append(item)
                continue
            batch.append(_job(item, orders))
            sizes[given] = item.size
            given, size = given + 1, size + item.size
            if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    with Pool(orders.jobs, worker) as pool:
        for answer in pool.run(batches()):
            if answer is None:
                yield None
                continue
            for finding in between.pop(taken, ()):
                yield _told(finding, orders)
            job, records = answer
            yield job.path, sizes.pop(taken), records
            taken += 1
    for finding in between.pop(taken, ()):
        yield _told(finding, orders)


def _surveys(surveys: Iterable[Survey], orders: Orders) -> Iterator[Answer]:
    named: dict[str, Fingerprints] = {}
    for survey in surveys:
        for record in surveyed(survey, orders.root, orders.limits):
            path = record.place.path
            if isinstance(record, Finding):
                record = named.setdefault(path, Fingerprints(label(path, orders.root))).of(record)
            yield path, None, [record]


def _told(finding: Finding, orders: Orders) -> Answer:
    return finding.place.path, None, [_named(finding, orders)]


def _named(finding: Finding, orders: Orders) -> Finding:
    return Fingerprints(label(finding.place.path, orders.root)).of(finding)


def _job(found: Found, orders: Orders) -> Job:
    # A stranger's file does not excuse itself, and is not run with the versions of this project.
    own = orders.trusting and beneath(os.path.realpath(found.path), orders.root)
    named, versions = label(found.path, orders.root), orders.versions if own else {}
    return Job(found.path, named, own, orders.digests, orders.limits, versions, orders.advisories)


def _judged(record: Record, path: str, orders: Orders, holding: Iterable[Suppression]) -> Record:
    """``record``, marked where the settings or the baseline accept it."""
    if not isinstance(record, Finding) or record.accepted is not None:
        return record
    named = label(path, orders.root)
    for suppression in holding:
        if suppression.covers(record, named):
            return replace(record, accepted=Accepted("settings", suppression.reason))
    # What could not be looked at may be another thing tomorrow.
    if record.fingerprint in orders.baseline and not record.blind:
        return replace(record, accepted=Accepted("baseline", "found before"))
    return record


def without_secrets(record: Record) -> Record:
    """``record`` as it may be shown: what was found may stand beside a password, and go to a log that many read.

    Its fingerprint was made before, so that it is the same on every machine.
    """
    if isinstance(record, Artifact):
        properties = {name: redact_text(text) for name, text in record.properties.items()}
        return replace(record, framework=redact_text(record.framework), properties=properties)
    key = redact_source(record.key) if record.key else ""
    return replace(record, message=redact_text(record.message), snippet=redact_source(record.snippet), key=key)


def default_jobs() -> int:
    """Processes that can work at the same time here."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
