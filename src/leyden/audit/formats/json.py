"""The report as JSON: docs/audit-report.schema.json describes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from leyden._version import __version__
from leyden.audit.finding import Rule
from leyden.audit.formats import compared
from leyden.audit.records import to_json
from leyden.audit.report import Report, exit_code
from leyden.wire.strict_json import Json

VERSION: Final = 1


def document(report: Report) -> Iterator[str]:
    """One object; findings below the threshold are left out, and what is accepted says so."""
    counted = report.counted
    shown = [f for f in report.findings if f.accepted is not None or f.blind or f.severity >= report.threshold]
    members: dict[str, Json] = {
        "version": VERSION,
        "tool": {"name": "leyden", "version": __version__},
        "started": report.started.isoformat(),
        "seconds": round(report.seconds, 3),
        "paths": [*report.paths],
        "root": report.root,
        "files": report.files,
        "bytes": report.bytes,
        "threshold": report.threshold.name.lower(),
        "exit_code": exit_code(counted),
        "complete": not any(finding.blind for finding in counted),
        "summary": {severity.name.lower(): number for severity, number in report.severities().items()},
        "left_out": [*report.left_out],
        "rules": {name: _rule(report.rules[name]) for name in sorted({finding.rule for finding in shown})},
        "findings": [to_json(finding) for finding in shown],
        "artifacts": [to_json(artifact) for artifact in report.artifacts],
    }
    if report.since:
        members["since"] = report.since
    if report.comparison is not None:
        members["comparison"] = compared.to_json(report.comparison)
    yield dumps(members)


def dumps(members: Json) -> str:
    """Indented ASCII; every string in it is text for any reader of JSON."""
    return json.dumps(valid(members), indent=1, allow_nan=False) + "\n"


def valid(value: Json) -> Json:
    """``value`` with bytes of file names that are no text written as ``\\xff``: lone surrogates are no Unicode."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
        case list():
            return [valid(item) for item in value]
        case dict():
            return {str(valid(key)): valid(item) for key, item in value.items()}
        case _:
            return value


def _rule(rule: Rule) -> dict[str, Json]:
    return {
        "name": rule.name,
        "title": rule.title,
        "severity": rule.severity.name.lower(),
        "cwe": rule.cwe,
        "advisories": [*rule.advisories],
        "why": rule.why,
        "mend": rule.mend,
        "blind": rule.blind,
    }
