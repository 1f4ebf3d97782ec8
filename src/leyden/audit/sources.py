"""Every kind of thing that is audited, and every rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from leyden.audit.artifacts.source import SOURCE as ARTIFACTS
from leyden.audit.code.source import SOURCE as CODE
from leyden.audit.finding import Rule, Source
from leyden.audit.permissions import SOURCE as PERMISSIONS
from leyden.audit.rules.engine import ENGINE

SOURCES: Final[tuple[Source, ...]] = (ARTIFACTS, CODE, PERMISSIONS)

RULES: Final[Mapping[str, Rule]] = {
    rule.id: rule for rules in (ENGINE, *(source.rules for source in SOURCES)) for rule in rules
}
