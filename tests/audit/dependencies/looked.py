"""Files of dependencies as the auditor sees them."""

from __future__ import annotations

from leyden.audit.dependencies.source import read_dependencies
from leyden.audit.finding import Budget, File, Finding, Limits, Place


def looked(text: str | bytes, name: str = "requirements.txt", limits: Limits | None = None) -> list[Finding]:
    data = text.encode() if isinstance(text, str) else text
    file = File(Place(name), memoryview(data), Budget(limits or Limits()))
    return [found for found in read_dependencies(file) if isinstance(found, Finding)]


def rules(text: str | bytes, name: str = "requirements.txt") -> set[str]:
    return {found.rule for found in looked(text, name)}


def told(text: str | bytes, name: str, rule: str) -> list[tuple[int | None, str]]:
    """Line and message of the findings of one rule."""
    return [(found.place.line, found.message) for found in looked(text, name) if found.rule == rule]
