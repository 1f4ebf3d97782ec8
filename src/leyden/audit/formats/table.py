"""Every format that is one document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from leyden.audit.formats import cyclonedx, guide, html, json, sarif, text
from leyden.audit.report import Report

FORMATTERS: Final[Mapping[str, Callable[[Report], Iterator[str]]]] = {
    "text": text.document,
    "json": json.document,
    "sarif": sarif.document,
    "html": html.document,
    "cyclonedx": cyclonedx.document,
    "guide": guide.document,
}
