"""Every format that is one document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from leyden.audit.formats import text
from leyden.audit.report import Report

FORMATTERS: Final[Mapping[str, Callable[[Report], Iterator[str]]]] = {"text": text.document}
