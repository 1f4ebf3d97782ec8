"""Every kind of thing that is audited."""

from __future__ import annotations

from typing import Final

from leyden.audit.artifacts.source import SOURCE as ARTIFACTS
from leyden.audit.code.source import SOURCE as CODE
from leyden.audit.config.source import SOURCE as CONFIGURATION
from leyden.audit.dependencies.source import SOURCE as DEPENDENCIES
from leyden.audit.finding import Source
from leyden.audit.permissions import SOURCE as PERMISSIONS
from leyden.audit.seals import SOURCE as SEALS

SOURCES: Final[tuple[Source, ...]] = (ARTIFACTS, CODE, CONFIGURATION, DEPENDENCIES, PERMISSIONS, SEALS)
