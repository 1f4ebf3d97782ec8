"""What changes in a text file, as a unified diff that is fit to be shown."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from leyden.audit.formats.plain import printable
from leyden.redaction import redact_source


def diff(path: str, before: bytes, after: bytes) -> Iterator[str]:
    """The lines of the diff, without secrets. Where a line hides one, it is no patch: it is for people to read."""
    name = printable(path)
    old, new = _lines(before), _lines(after)
    for line in difflib.unified_diff(old, new, name, name, lineterm=""):
        yield printable(line.expandtabs(4))


def _lines(text: bytes) -> list[str]:
    # The whole text, since a key may go over many lines.
    lines = redact_source(str(text, "utf-8", "replace").removeprefix("\ufeff")).split("\n")
    last = lines.pop()
    shown = [line.removesuffix("\r") for line in lines]
    return [*shown, f"{last}\\ no line end after this"] if last else shown
