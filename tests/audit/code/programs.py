"""What the auditor says about a program that is given as text."""

from __future__ import annotations

from leyden.audit.code.source import read_code
from leyden.audit.finding import Budget, File, Finding, Place


def found(text: str | bytes, name: str = "train.py", **versions: str) -> list[Finding]:
    """What is found in a project whose packages are at least of ``versions``: ``pytorch_lightning="2.4"``."""
    data = text.encode() if isinstance(text, str) else text
    oldest = {package.replace("_", "-"): version for package, version in versions.items()}
    records = read_code(File(Place(name), memoryview(data), Budget(), versions=oldest))
    return [record for record in records if isinstance(record, Finding)]


def rules(text: str | bytes, name: str = "train.py") -> list[str]:
    return [finding.rule for finding in found(text, name)]
