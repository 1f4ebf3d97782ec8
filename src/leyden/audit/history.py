"""What audits found before: a line of JSON for each that was saved. docs/audit-history.schema.json describes one.

It is read as data from a stranger: whoever can write to the project can write it, and it accepts no finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from typing import Final, final

from leyden._version import __version__
from leyden.audit.finding import Severity, shortened
from leyden.audit.fingerprint import label
from leyden.audit.report import Report
from leyden.errors import FormatError, SettingsError
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

VERSION: Final = 1
LARGEST: Final = 64 << 20  # bytes of the file
MOST_ENTRIES: Final = 200
MOST_FINDINGS: Final = 20_000  # in one entry, accepted ones too
_LONGEST_PATH: Final = 1_000
_VALUES: Final = 8 * MOST_FINDINGS
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{32}:[1-9][0-9]{0,8}")
_RULE: Final = re.compile(r"[A-Z]{3}[0-9]{3}")
_REVISION: Final = re.compile(r"([0-9a-f]{40}([0-9a-f]{24})?)?")
_SEVERITIES: Final = {severity.name.lower(): severity for severity in Severity}


@final
@dataclass(frozen=True)
class Scope:
    """What was asked for. Only audits of the same scope can be compared: else what was left out seems mended."""

    paths: tuple[str, ...]
    severity: Severity
    exclude: tuple[str, ...] = ()
    options: tuple[str, ...] = ()  # names of those that change what is looked at, sorted


@final
@dataclass(frozen=True)
class Known:
    """A finding as the history keeps it: without what a file says."""

    fingerprint: str
    rule: str
    severity: Severity
    path: str  # from the root on, as in fingerprints


@final
@dataclass(frozen=True)
class Entry:
    """One audit. Only the newest of a scope has findings; of the older ones the numbers are left."""

    time: datetime
    leyden: str  # the version
    advisories: str  # the day of the list of bad releases that it knew
    revision: str  # of git, or nothing
    scope: Scope
    files: int
    complete: bool
    counts: Mapping[Severity, int]
    findings: tuple[Known, ...] | None = None  # those that counted
    accepted: frozenset[str] = frozenset()  # fingerprints of those that did not, since somebody took the risk


def scope_paths(paths: Iterable[str], root: str) -> tuple[str, ...]:
    """Named paths as a scope has them: the same for the same files, however they are spelt."""
    return tuple(sorted({label(path, root) for path in paths}))


def entry(report: Report, scope: Scope, revision: str, advisories: date) -> Entry:
    """What the history keeps of a report; SettingsError where that is too much."""
    counted = report.counted
    accepted = frozenset(finding.fingerprint for finding in report.findings if finding.accepted is not None)
    if len(counted) + len(accepted) > MOST_FINDINGS:
        raise SettingsError(
            f"There are over {MOST_FINDINGS:,} findings, more than a history keeps of one audit. "
            "Audit parts of the project, or count from a higher --severity on."
        )
    return Entry(
        time=report.started,
        leyden=__version__,
        advisories=advisories.isoformat(),
        revision=revision,
        scope=scope,
        files=report.files,
        complete=not any(finding.blind for finding in counted),
        counts=report.severities(),
        findings=tuple(
            Known(f.fingerprint, f.rule, f.severity, shortened(label(f.place.path, report.root), _LONGEST_PATH))
            for f in counted
        ),
        accepted=accepted,
    )


def last(entries: Sequence[Entry], scope: Scope) -> Entry | None:
    """The entry to compare an audit of this scope with."""
    newest = next((one for one in reversed(entries) if one.scope == scope), None)
    return newest if newest is not None and newest.findings is not None else None


def dumps(entries: Sequence[Entry]) -> bytes:
    """The file: the newest entries, of each scope the newest whole, as long as that fits."""
    lines: list[bytes] = []
    whole: set[Scope] = set()
    left = LARGEST // 2
    for one in reversed(entries[-MOST_ENTRIES:]):
        line = _line(one)
        if one.scope in whole or len(line) > left:
            line = _line(replace(one, findings=None, accepted=frozenset()))
        whole.add(one.scope)
        left -= len(line)
        lines.append(line)
    return b"".join(reversed(lines))


def loads(content: bytes, where: str) -> list[Entry]:
    """The entries, oldest first; SettingsError where anything in them is not as this module writes it."""
    if len(content) > LARGEST:
        raise _wrong(where, f"it has over {LARGEST:,} bytes, the limit")
    lines = content.split(b"\n", MOST_ENTRIES + 1)
    if lines.pop() != b"" or len(lines) > MOST_ENTRIES:
        raise _wrong(where, f"its last line has no end, or it has over {MOST_ENTRIES} lines")
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            members = strict_json.loads(line.decode("ascii"), depth=4, values=_VALUES, what=f"line {number}")
            entries.append(_entry(members))
        except FormatError as error:
            raise _wrong(where, str(error).rstrip(".")) from None
        except ValueError as error:
            raise _wrong(where, f"line {number}: {error}") from None
    return entries


def _wrong(where: str, what: str) -> SettingsError:
    return SettingsError(
        f"The history {where} was damaged, or not written by this version: {what}. "
        "Move it away; the next audit with --save begins another."
    )


def _line(one: Entry) -> bytes:
    members: dict[str, Json] = {
        "version": VERSION,
        "time": one.time.isoformat(),
        "leyden": one.leyden,
        "advisories": one.advisories,
        "revision": one.revision,
        "scope": {
            "paths": [*one.scope.paths],
            "severity": one.scope.severity.name.lower(),
            "exclude": [*one.scope.exclude],
            "options": [*one.scope.options],
        },
        "files": one.files,
        "complete": one.complete,
        "counts": {severity.name.lower(): number for severity, number in one.counts.items()},
    }
    if one.findings is not None:
        members["findings"] = [
            {"fingerprint": f.fingerprint, "rule": f.rule, "severity": f.severity.name.lower(), "path": f.path}
            for f in one.findings
        ]
        members["accepted"] = [*sorted(one.accepted)]
    return strict_json.dumps(members).encode("ascii") + b"\n"


def _entry(members: Json) -> Entry:
    match members:
        case {
            "version": 1,
            "time": str(time),
            "leyden": str(version),
            "advisories": str(advisories),
            "revision": str(revision),
            "scope": {"paths": paths, "severity": severity, "exclude": exclude, "options": options, **more},
            "files": int(files),
            "complete": bool(complete),
            "counts": dict(counts),
            **rest,
        } if not more and _REVISION.fullmatch(revision):
            scope = Scope(_texts(paths), _severity(severity), _texts(exclude), _texts(options))
            numbers = {_severity(name): _number(number) for name, number in counts.items()}
            known = Entry(_time(time), version, _day(advisories), revision, scope, _number(files), complete, numbers)
        case _:
            raise ValueError("it is no entry")
    match rest:
        case {"findings": list(findings), "accepted": list(accepted), **more} if not more:
            fingerprints = frozenset(map(_fingerprint, _texts(accepted)))
            return replace(known, findings=tuple(map(_known, findings)), accepted=fingerprints)
        case {**more} if not more:
            return known
        case _:
            raise ValueError("it is no entry")


def _known(members: Json) -> Known:
    match members:
        case {"fingerprint": str(name), "rule": str(rule), "severity": severity, "path": str(path), **rest} if not rest:
            if _RULE.fullmatch(rule) and len(path) <= _LONGEST_PATH + 3:
                return Known(_fingerprint(name), rule, _severity(severity), path)
    raise ValueError("it has a finding that is none")


def _fingerprint(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text):
        raise ValueError("it has a fingerprint that is none")
    return text


def _severity(name: Json) -> Severity:
    if not isinstance(name, str) or name not in _SEVERITIES:
        raise ValueError("it has a severity that is none")
    return _SEVERITIES[name]


def _number(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("it has a number that is none")
    return value


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("its time has no zone")
    try:
        return time.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("its time is none") from None


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _texts(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("it has no list where one must be")
    texts = tuple(text for text in value if isinstance(text, str))
    if len(texts) != len(value):
        raise ValueError("it has a list of something else than text")
    return texts
