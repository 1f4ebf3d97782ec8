"""The findings that a project starts with, by fingerprint: new ones count, these do not.

What could not be looked at is never in it, since it may be another thing tomorrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from leyden.audit.finding import Finding
from leyden.errors import SettingsError
from leyden.wire import strict_json

VERSION: Final = 1
_LARGEST: Final = 64 << 20


def dumps(findings: Iterable[Finding]) -> str:
    """A baseline of ``findings``: a line for each, sorted, so that versions of it can be compared."""
    lines = {
        finding.fingerprint: f"{finding.rule} {finding.place.path}"
        for finding in findings
        if not finding.blind and (finding.accepted is None or finding.accepted.by == "baseline")
    }
    return json.dumps({"version": VERSION, "findings": lines}, indent=1, sort_keys=True) + "\n"


def load(path: Path) -> frozenset[str]:
    """The fingerprints of a baseline; SettingsError for any other file."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        raise SettingsError(f"There is no baseline {path}. Write one with --write-baseline, or name another.") from None
    if len(content) > _LARGEST:
        raise SettingsError(f"{path} has over {_LARGEST:,} bytes, the limit of a baseline.")
    try:
        members = strict_json.loads(content.decode("utf-8"), depth=3, values=2_000_000, what=str(path))
    except ValueError as error:
        raise SettingsError(f"{error} Write the baseline again with --write-baseline.") from None
    match members:
        case {"version": 1, "findings": dict() as findings}:
            return frozenset(findings)
        case _:
            raise SettingsError(f"{path} is not a baseline of version {VERSION}. Write it with --write-baseline.")
