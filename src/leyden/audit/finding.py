"""What the auditor finds and where: plain data that the readers write, the engine orders and the formats show.

A reader is given one file, already opened, and yields findings and artifacts. It never opens, imports, unpickles or
runs anything itself. What it cannot look at is a finding of a rule that is ``blind``, never a silent skip.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final, Literal, Protocol, TypeAlias, final

from leyden.errors import FormatError

LONGEST_TEXT: Final = 2_000  # characters of a message or a snippet: what a hostile file says can be of any length


@final
class Severity(IntEnum):
    """How much a finding matters; they compare."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


@final
@dataclass(frozen=True)
class Rule:
    """What is looked for, and all that a reader of the report needs to understand it. Texts are Markdown."""

    id: str  # "LEY101": never used again for something else
    name: str  # "pickle-runs-code": words for people
    title: str  # one line without a full stop
    severity: Severity
    cwe: int | None
    why: str  # what can happen
    mend: str  # what to do about it
    advisories: tuple[str, ...] = ()  # "CVE-2025-32434"
    bad: tuple[str, ...] = ()  # examples that are found
    good: tuple[str, ...] = ()  # examples that are not
    blind: bool = False  # its findings say that something could not be looked at: exit code 2

    def at(
        self,
        place: Place,
        message: str,
        *,
        snippet: str = "",
        key: str = "",
        mend: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this rule; ``severity`` and ``mend`` where this one differs from the rule's own."""
        return Finding(
            rule=self.id,
            severity=self.severity if severity is None else severity,
            place=place,
            message=shortened(message),
            snippet=shortened(snippet),
            key=key,
            mend=mend,
            blind=self.blind,
        )


@final
@dataclass(frozen=True)
class Place:
    """Where: a file, the members inside it from the outside in, and lines (from 1) or a byte within the last."""

    path: str  # as os.fsdecode gives it, so it may hold anything: formats escape it
    inside: tuple[str, ...] = ()
    line: int | None = None
    column: int | None = None
    last_line: int | None = None
    offset: int | None = None

    def within(self, member: str) -> Place:
        """The member ``member`` of what lies here."""
        return Place(self.path, (*self.inside, shortened(member)))

    def at_line(self, line: int, column: int | None = None, last_line: int | None = None) -> Place:
        return replace(self, line=line, column=column, last_line=last_line)

    def at_byte(self, offset: int) -> Place:
        return replace(self, offset=offset)


@final
@dataclass(frozen=True)
class Accepted:
    """Why a finding does not count."""

    by: Literal["inline", "settings", "baseline"]
    reason: str


@final
@dataclass(frozen=True)
class Finding:
    """One thing that a rule found. ``Rule.at`` makes them.

    ``key`` is what makes it this finding when lines move and numbers change, and not another: by default the snippet,
    or the message. For a binary file it should hold a digest of what was found, so that a baseline which accepts
    one payload does not accept the next one under the same name.
    """

    rule: str
    severity: Severity
    place: Place
    message: str  # one or two sentences: what was found here and what it means here
    snippet: str = ""
    key: str = ""
    mend: str = ""  # where the rule's own advice is not what helps here
    blind: bool = False
    fingerprint: str = ""  # the engine's
    accepted: Accepted | None = None  # the engine's, where somebody took the risk on purpose


@final
@dataclass(frozen=True)
class Artifact:
    """A model file that was recognized: what an inventory says about it."""

    place: Place
    format: str  # "torch-zip", "safetensors", "onnx", …
    size: int  # bytes
    framework: str = ""  # "pytorch", "pytorch-lightning 2.6.0", …
    tensors: int | None = None
    parameters: int | None = None  # numbers in them
    dtypes: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""  # the engine's, where it was asked for


Record: TypeAlias = Finding | Artifact


@final
@dataclass(frozen=True)
class Limits:
    """What one file may cost."""

    seconds: float = 60.0
    inflated: int = 1 << 30  # bytes out of compressed members, all together
    memory: int = 2 << 30  # bytes that a worker may allocate
    depth: int = 8  # archives inside archives
    findings: int = 1_000


class LimitError(FormatError):
    """A file costs more than ``Limits`` allow. A reader lets it pass: the engine makes a finding of it."""


@final
@dataclass
class Budget:
    """What is left of the limits for the file at hand; members share it with the file that they lie in."""

    limits: Limits = field(default_factory=Limits)
    inflated: int = 0
    started: float = field(default_factory=time.monotonic)

    def take(self, inflated: int = 0) -> None:
        """Count bytes before they are inflated; LimitError beyond the limit of bytes or of time. Call it in loops."""
        self.inflated += inflated
        if self.inflated > self.limits.inflated:
            raise LimitError(f"its compressed members take over {self.limits.inflated:,} bytes")
        if time.monotonic() - self.started > self.limits.seconds:
            raise LimitError(f"it takes over {self.limits.seconds:g} seconds")

    def left(self) -> int:
        """Bytes that may still be inflated."""
        return self.limits.inflated - self.inflated


@final
@dataclass(frozen=True)
class File:
    """A regular file or a member of an archive, opened once; ``data`` is all of it, read-only and perhaps mapped."""

    place: Place
    data: memoryview
    budget: Budget
    mode: int = 0o600  # permission bits
    versions: Mapping[str, str] = field(default_factory=dict)  # of the project: the oldest that each package may have
    advisories: str = ""  # the file of a newer list of bad releases than the one that Leyden comes with

    @property
    def name(self) -> str:
        """The last part of the name, in lower case."""
        return (self.place.inside or (self.place.path,))[-1].replace("\\", "/").rpartition("/")[2].lower()

    def member(self, name: str, data: bytes | memoryview) -> File:
        """What lies under ``name`` inside this file; LimitError where archives are nested too deep."""
        if len(self.place.inside) >= self.budget.limits.depth:
            raise LimitError(f"it nests archives over {self.budget.limits.depth} levels deep")
        return replace(self, place=self.place.within(name), data=memoryview(data).toreadonly())


class Reader(Protocol):
    """Looks at one file, if its content is of the reader's kind. Pure: what it yields depends on the file alone.

    Errors of ``leyden.errors`` and LimitError may pass through: the engine turns them into findings.
    """

    def __call__(self, file: File) -> Iterator[Record]: ...


@final
@dataclass(frozen=True)
class Source:
    """One kind of thing that is audited."""

    name: str  # "artifacts"
    read: Reader
    rules: tuple[Rule, ...]


@final
@dataclass(frozen=True)
class Survey:
    """One kind of thing that is audited once, and not file by file: an environment, the machine, the runs."""

    name: str  # "environment"
    look: Callable[[], Iterator[Record]]
    rules: tuple[Rule, ...]


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """``text``, with its middle left out where it is too long for a report."""
    if len(text) <= longest:
        return text
    return f"{text[: longest // 2]} … {text[-longest // 2 :]}"


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Worst first, then by place."""
    return sorted(findings, key=lambda f: (-f.severity, f.place.path, f.place.inside, f.place.line or 0, f.rule))
