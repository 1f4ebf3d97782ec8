"""The report as SARIF 2.1.0, which GitHub's code scanning and most editors read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from leyden._version import __version__
from leyden.audit import explain
from leyden.audit.finding import Accepted, Finding, Place, Rule, Severity
from leyden.audit.fingerprint import label
from leyden.audit.formats.json import dumps
from leyden.audit.formats.plain import printable, printable_lines
from leyden.audit.report import Report, counts, exit_code
from leyden.wire.strict_json import Json

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT: Final = "%SRCROOT%"
_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# What GitHub sorts by: critical from 9.0, high from 7.0, medium from 4.0.
_SCORES: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "0.0",
}


def document(report: Report) -> Iterator[str]:
    """One log with one run. Accepted findings are there with their suppression; those below the threshold are not."""
    shown = [f for f in report.findings if f.accepted is not None or counts(f, report.threshold)]
    rules = sorted({finding.rule for finding in shown})
    suppressions = any(finding.accepted is not None for finding in shown)  # on every result, or on none
    ended = report.started + timedelta(seconds=report.seconds)
    code = exit_code(report.counted)
    run: Json = {
        "tool": {
            "driver": {
                "name": "leyden",
                "fullName": "leyden audit",
                "version": __version__,
                "rules": [_rule(report.rules[name]) for name in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not any(finding.blind for finding in report.counted),
                "exitCode": code,
                "startTimeUtc": _time(report.started.isoformat()),
                "endTimeUtc": _time(ended.isoformat()),
            }
        ],
        "originalUriBaseIds": {ROOT: {"uri": f"file://{_path(report.root).rstrip('/')}/"}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, rules.index(finding.rule), report, suppressions) for finding in shown],
    }
    yield dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: Rule) -> Json:
    tags = ["security", *([f"external/cwe/cwe-{rule.cwe}"] if rule.cwe is not None else [])]
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\n{rule.mend}", "markdown": explain.markdown(rule)},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "tags": [*tags, *rule.advisories],
            "precision": "high",
            "security-severity": _SCORES[rule.severity],
        },
    }


def _result(finding: Finding, index: int, report: Report, suppressions: bool) -> Json:
    message = printable(finding.message)
    if finding.mend:
        message += f" {printable(finding.mend)}"
    members: dict[str, Json] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": _no_links(message)},
        "locations": [_location(finding, report.root)],
        "partialFingerprints": {"leyden/v1": finding.fingerprint},
        "rank": 25.0 * finding.severity,
    }
    if suppressions:
        members["suppressions"] = [*_suppressions(finding.accepted)]
    # What is mended is not listed as absent: code scanning takes every result for one that is there.
    if report.comparison is not None:
        members["baselineState"] = "new" if report.comparison.is_new(finding) else "unchanged"
    return members


def _suppressions(accepted: Accepted | None) -> Iterator[Json]:
    if accepted is not None:
        kind = "inSource" if accepted.by == "inline" else "external"
        yield {"kind": kind, "justification": printable(accepted.reason)}


def _location(finding: Finding, root: str) -> Json:
    place = finding.place
    physical: dict[str, Json] = {"artifactLocation": _artifact(place, root)}
    region: dict[str, Json] = {}
    # Lines and bytes of a member are not those of the file that holds it.
    if place.line is not None and not place.inside:
        region["startLine"] = place.line
        region |= {"startColumn": place.column} if place.column is not None else {}
        region |= {"endLine": place.last_line} if place.last_line is not None else {}
        if finding.snippet:
            region["snippet"] = {"text": "\n".join(printable_lines(finding.snippet))}
    elif place.offset is not None and not place.inside:
        region["byteOffset"] = place.offset
    if region:
        physical["region"] = region
    members: dict[str, Json] = {"physicalLocation": physical}
    if place.inside:
        names = [printable(name) for name in place.inside]
        members["logicalLocations"] = [{"name": names[-1], "fullyQualifiedName": "!".join(names), "kind": "member"}]
    return members


def _artifact(place: Place, root: str) -> Json:
    named = label(place.path, root)
    if os.path.isabs(named):  # noqa: PTH117
        return {"uri": f"file://{_path(named)}"}
    return {"uri": _path(named), "uriBaseId": ROOT}


def _path(path: str) -> str:
    return quote(os.fsencode(path.replace(os.sep, "/")))


def _no_links(text: str) -> str:
    """``text`` in which brackets, which a hostile file may have chosen, make no link."""
    return re.sub(r"([\\\[\]])", r"\\\1", text)


def _time(iso: str) -> str:
    return iso.replace("+00:00", "Z")
