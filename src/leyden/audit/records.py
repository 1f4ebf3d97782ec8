"""Findings and artifacts as JSON and back: what a worker answers, and what the JSON format is made of."""

from __future__ import annotations

from typing import Any

from leyden.audit.finding import Accepted, Artifact, Finding, Place, Record, Severity
from leyden.wire.strict_json import Json


def to_json(record: Record) -> dict[str, Json]:
    """Plain data, without what is not there."""
    match record:
        case Finding():
            members: dict[str, Json] = {
                "rule": record.rule,
                "severity": record.severity.name.lower(),
                "message": record.message,
                "place": _place(record.place),
                "fingerprint": record.fingerprint,
                "blind": record.blind,
            }
            members |= {
                name: text
                for name, text in (("snippet", record.snippet), ("key", record.key), ("mend", record.mend))
                if text
            }
            if record.accepted is not None:
                members["accepted"] = {"by": record.accepted.by, "reason": record.accepted.reason}
            return members
        case Artifact():
            members = {"place": _place(record.place), "format": record.format, "size": record.size}
            members |= {
                name: value
                for name, value in (
                    ("framework", record.framework or None),
                    ("tensors", record.tensors),
                    ("parameters", record.parameters),
                    ("sha256", record.sha256 or None),
                )
                if value is not None
            }
            if record.dtypes:
                members["dtypes"] = [*record.dtypes]
            if record.properties:
                members["properties"] = dict(record.properties)
            return members


def from_json(members: dict[str, Any]) -> Record:
    """What ``to_json`` made; the caller vouches that it did."""
    where = members["place"]
    place = Place(**{**where, "inside": tuple(where.get("inside", ()))})
    if "rule" not in members:
        return Artifact(**{**members, "place": place, "dtypes": tuple(members.get("dtypes", ()))})
    accepted = members.get("accepted")
    changed = {
        "place": place,
        "severity": Severity[members["severity"].upper()],
        "accepted": Accepted(**accepted) if accepted else None,
    }
    return Finding(**{**members, **changed})


def _place(place: Place) -> dict[str, Json]:
    members: dict[str, Json] = {"path": place.path}
    if place.inside:
        members["inside"] = [*place.inside]
    numbers = (("line", place.line), ("column", place.column), ("last_line", place.last_line), ("offset", place.offset))
    members |= {name: number for name, number in numbers if number is not None}
    return members
