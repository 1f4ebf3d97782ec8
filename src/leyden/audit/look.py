"""One file looked at by every source: whatever goes wrong on the way is a finding."""

from __future__ import annotations

import hashlib
import lzma
import struct
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final, final

from leyden.audit import suppress
from leyden.audit.deadline import deadline
from leyden.audit.finding import Artifact, Budget, File, Finding, LimitError, Limits, Place, Record, Source, Survey
from leyden.audit.fingerprint import Fingerprints
from leyden.audit.lines import lines_of
from leyden.audit.opening import ChangedError, SpecialError, opened
from leyden.audit.rules.engine import CHANGED, DAMAGED, OVER_LIMIT, READER_FAILED, SPECIAL
from leyden.audit.walk import unreadable
from leyden.errors import FormatError

# What a reader that meets a hostile file and has a bug may raise. A list and no more: what ends the process ends it.
_BUGS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)
_LARGEST_TEXT: Final = 16 << 20  # bytes of a text file whose comments are looked for


@final
@dataclass(frozen=True)
class Job:
    """How one file is to be looked at."""

    path: str
    label: str  # its name in fingerprints
    inline: bool  # whether its own comments may accept findings
    digest: bool  # whether artifacts get the digest of their file
    limits: Limits = field(default_factory=Limits)
    versions: Mapping[str, str] = field(default_factory=dict)
    advisories: str = ""


def look(job: Job, sources: Iterable[Source], today: date) -> Iterator[Record]:
    """What all sources find in one file, with fingerprints; never an error of its own."""
    fingerprints = Fingerprints(job.label)
    for record in _guarded(job, sources, today):
        yield fingerprints.of(record) if isinstance(record, Finding) else record


def _guarded(job: Job, sources: Iterable[Source], today: date) -> Iterator[Record]:
    place = Place(job.path)
    try:
        with opened(job.path, Budget(job.limits), job.versions, job.advisories) as file:
            for source in sources:
                yield from _read(file, source, job, today)
    except ChangedError as error:
        yield CHANGED.at(place, f"Not all of it was looked at: {error}.")
    except SpecialError as error:
        yield SPECIAL.at(place, f"It was not opened: {error}.")
    except OSError as error:
        yield unreadable(job.path, error)
    except MemoryError:
        yield OVER_LIMIT.at(place, f"It takes over {job.limits.memory:,} bytes of memory, the limit.", key="memory")


def _read(file: File, source: Source, job: Job, today: date) -> Iterator[Record]:
    findings: list[Finding] = []
    for record in _caught(lambda: source.read(file), file.place, file.budget, source.name):
        match record:
            case Finding():
                findings.append(record)
            case Artifact() if job.digest and not record.place.inside:
                yield replace(record, sha256=hashlib.sha256(file.data).hexdigest())
            case Artifact():
                yield record
    if job.inline and any(finding.place.line and not finding.place.inside for finding in findings):
        lines = lines_of(str(file.data[:_LARGEST_TEXT], "utf-8", "replace"))
        yield from suppress.inline(findings, lines, today)
    else:
        yield from findings


def surveyed(survey: Survey, where: str, limits: Limits) -> Iterator[Record]:
    """What a survey finds, without fingerprints; what stops it is a finding at the path ``where``."""
    yield from _caught(survey.look, Place(where), Budget(limits), survey.name)


def _caught(read: Callable[[], Iterable[Record]], place: Place, budget: Budget, name: str) -> Iterator[Record]:
    """What a reader yields, up to the limit; then what stopped it."""
    left = budget.limits.findings
    try:
        records = iter(read())
        while True:
            with deadline(budget):  # and not while somebody else has the record
                record = next(records, None)
            if record is None:
                return
            if isinstance(record, Finding):
                left -= 1
                if left < 0:
                    text = f"It has over {budget.limits.findings:,} findings; the rest are not shown."
                    yield OVER_LIMIT.at(place, text, key=f"{name} findings")
                    return
            yield record
    except LimitError as error:
        text = f"Not all of it was looked at: {error}, the limit."
        yield OVER_LIMIT.at(place, text, key=f"{name} limit")
    except FormatError as error:
        yield DAMAGED.at(place, f"Not all of it was looked at: {error}", key=f"{name} damaged")
    except MemoryError:
        text = f"It takes over {budget.limits.memory:,} bytes of memory, the limit."
        yield OVER_LIMIT.at(place, text, key=f"{name} memory")
    except RecursionError:
        yield OVER_LIMIT.at(place, "It is nested deeper than can be followed.", key=f"{name} depth")
    except _BUGS as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        kind, line = type(error).__name__, f"{Path(frame.filename).name}:{frame.lineno}"
        text = f"The reader of {name} failed with {kind} in {line}: {error}"
        yield READER_FAILED.at(place, text, key=f"{name} {kind}")
