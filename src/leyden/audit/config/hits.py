"""What a check of configuration found, before it is placed in its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from leyden.audit.finding import Rule, Severity


@final
@dataclass(frozen=True)
class Hit:
    """``secret`` is text on the line that no report may show."""

    rule: Rule
    message: str
    line: int
    column: int | None = None
    last_line: int | None = None
    severity: Severity | None = None
    secret: str = ""
