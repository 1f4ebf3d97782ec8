"""What the auditor says about a program that is given as text."""

from __future__ import annotations

from leyden.audit.code.source import read_code
from leyden.audit.finding import Budget, File, Finding, Place


def found(text: str | bytes, name: str = "train.py") -> list[Finding]:
    data = text.encode() if isinstance(text, str) else text
    records = read_code(File(Place(name), memoryview(data), Budget()))
    return [record for record in records if isinstance(record, Finding)]


def rules(text: str | bytes, name: str = "train.py") -> list[str]:
    return [finding.rule for finding in found(text, name)]
