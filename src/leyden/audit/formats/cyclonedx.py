"""The model files that were found, as a CycloneDX 1.6 bill of materials with what was found about each."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Final
from uuid import UUID

from leyden._version import __version__
from leyden.audit.explain import references
from leyden.audit.finding import Artifact, Finding, Rule, Severity
from leyden.audit.fingerprint import label
from leyden.audit.formats.json import dumps, valid
from leyden.audit.formats.plain import printable
from leyden.audit.report import Report
from leyden.wire.strict_json import Json

SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.6.schema.json"
# What a model file is in an inventory; archives are not listed, only what is in them.
_ARCHIVES: Final = {"zip", "tar"}
_DATA: Final = {"npy", "npz", "hdf5"}
_SEVERITIES: Final = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "medium",
    Severity.LOW: "low",
    Severity.INFO: "info",
}


def document(report: Report) -> Iterator[str]:
    """One BOM; the same report gives the same, serial number and all."""
    about: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.counted:
        about[finding.place.path].append(finding)
    components: dict[str, Json] = {}
    owners: dict[str, list[str]] = defaultdict(list)
    for artifact in report.artifacts:
        reference = "!".join(("model:" + label(artifact.place.path, report.root), *artifact.place.inside))
        if reference not in components and artifact.format not in _ARCHIVES:
            components[reference] = _component(artifact, reference, about[artifact.place.path])
            owners[artifact.place.path].append(reference)
    vulnerabilities: list[Json] = [
        _vulnerability(finding, report.rules[finding.rule], owners[finding.place.path])
        for finding in report.counted
        if owners[finding.place.path]
    ]
    name = PurePath(report.root).name or "root"
    members: dict[str, Json] = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": report.started.isoformat(),
            "tools": {"components": [{"type": "application", "name": "leyden", "version": __version__}]},
            "component": {"type": "application", "name": printable(name), "bom-ref": "audited"},
        },
        "components": [*components.values()],
        "dependencies": [{"ref": "audited", "dependsOn": [*components]}],
        "vulnerabilities": vulnerabilities,
    }
    digest = hashlib.sha256(json.dumps(valid(members), sort_keys=True).encode()).digest()
    members["serialNumber"] = f"urn:uuid:{UUID(bytes=digest[:16], version=5)}"
    yield dumps(members)


def _component(artifact: Artifact, reference: str, findings: list[Finding]) -> Json:
    name = reference.removeprefix("model:")
    kind = "data" if artifact.format in _DATA else "machine-learning-model"
    members: dict[str, Json] = {"type": kind, "bom-ref": reference, "name": printable(name)}
    if artifact.sha256 and not artifact.place.inside:
        members["hashes"] = [{"alg": "SHA-256", "content": artifact.sha256}]
    license_name = artifact.properties.get("license", "").strip()
    if license_name:
        members["licenses"] = [{"license": {"name": printable(license_name)}}]
    numbers = (("tensors", artifact.tensors), ("parameters", artifact.parameters), ("size", artifact.size))
    facts = {"format": artifact.format, "framework": artifact.framework, "dtypes": " ".join(artifact.dtypes)}
    facts |= {key: str(number) for key, number in numbers if number is not None}
    facts |= {f"metadata:{key}": value for key, value in artifact.properties.items()}
    if kind == "data":
        members["properties"] = _properties(facts)
        return members
    limitations = sorted({f"{finding.rule}: {printable(finding.message)}" for finding in findings})
    members["modelCard"] = {
        "modelParameters": {"inputs": [], "outputs": []},
        "considerations": {"technicalLimitations": [*limitations]},
        "properties": _properties(facts),
    }
    return members


def _vulnerability(finding: Finding, rule: Rule, affected: list[str]) -> Json:
    members: dict[str, Json] = {
        "bom-ref": f"finding:{finding.fingerprint}",
        "id": rule.id,
        "source": {"name": "leyden audit"},
        "ratings": [{"severity": _SEVERITIES[finding.severity], "method": "other"}],
        "description": rule.title,
        "detail": printable(finding.message),
        "recommendation": printable(finding.mend or rule.mend),
        "affects": [{"ref": reference} for reference in affected],
    }
    if rule.cwe is not None:
        members["cwes"] = [rule.cwe]
    advisories: list[Json] = [
        {"title": name, "url": address} for name, address in references(rule) if not name.startswith("CWE-")
    ]
    if advisories:
        members["advisories"] = advisories
    return members


def _properties(facts: Mapping[str, str]) -> Json:
    return [{"name": f"leyden:{printable(key)}", "value": printable(value)} for key, value in facts.items() if value]
