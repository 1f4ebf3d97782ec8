"""A program that is given as text, and what --fix and the guide would make of it."""

from __future__ import annotations

from leyden.audit.code.inspection import findings
from leyden.audit.finding import Budget, File, Limits, Place
from leyden.audit.fix.code.facts import Facts
from leyden.audit.fix.code.mending import Mended, Program

NEW = Facts(here={"torch": "2.6.0", "lightning": "2.6.6", "pyyaml": "6.0.1", "python": "3.14"})


def bytes_of(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def found(text: str | bytes, facts: Facts = NEW):
    return list(findings(File(Place("train.py"), memoryview(bytes_of(text)), Budget(), versions=facts.oldest)))


def mended(text: str | bytes, facts: Facts = NEW) -> tuple[Program, list[Mended]]:
    program = Program("train.py", bytes_of(text), Limits(), facts)
    return program, list(program.mended(found(text, facts)))


def edited(text: str | bytes) -> bytes:
    """With all edits that there are, proven or not."""
    program, changes = mended(text)
    return program.edited(changes)


def proven(text: str | bytes, facts: Facts = NEW) -> bool:
    """Whether the one edit that there is needs nobody to decide about it."""
    _, (change,) = mended(text, facts)
    return change.proven
