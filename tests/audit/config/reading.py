"""Files of configuration that are given as text."""

from __future__ import annotations

from leyden.audit.config.building import Parsed
from leyden.audit.config.documents import parsed
from leyden.audit.config.nodes import Mapping, Node, Scalar, Sequence, target
from leyden.audit.config.source import read_config
from leyden.audit.finding import Budget, File, Finding, Place


def file(text: str | bytes, name: str) -> File:
    data = text.encode() if isinstance(text, str) else text
    return File(Place(name), memoryview(data), Budget())


def read(text: str | bytes, name: str = "a.yaml") -> Parsed:
    return parsed(file(text, name))


def plain(node: Node | None) -> object:
    """A node as Python's own values, all of whose leaves are text."""
    match target(node):
        case Scalar(text=text):
            return text
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(pairs=pairs):
            return {plain(key): plain(value) for key, value in pairs}
        case None:
            return None


def kinds(text: str | bytes, name: str = "a.yaml") -> list[str]:
    return [trouble.kind for trouble in read(text, name).troubles]


def found(text: str | bytes, name: str) -> list[Finding]:
    return [record for record in read_config(file(text, name)) if isinstance(record, Finding)]


def rules(text: str | bytes, name: str) -> list[str]:
    return [finding.rule for finding in found(text, name)]
