"""Every rule, by its id. Without the readers: who shows findings needs no reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from leyden.audit.finding import Rule
from leyden.audit.rules.artifacts import ARTIFACTS
from leyden.audit.rules.code_loads import LOADS
from leyden.audit.rules.code_surroundings import SURROUNDINGS
from leyden.audit.rules.code_training import TRAINING
from leyden.audit.rules.config_commands import COMMANDS
from leyden.audit.rules.config_containers import CONTAINERS
from leyden.audit.rules.config_pipelines import PIPELINES
from leyden.audit.rules.config_values import VALUES
from leyden.audit.rules.dependencies import DEPENDENCIES
from leyden.audit.rules.doctor import DOCTOR
from leyden.audit.rules.engine import ENGINE
from leyden.audit.rules.environment import ENVIRONMENT
from leyden.audit.rules.host import HOST
from leyden.audit.rules.online import ONLINE
from leyden.audit.rules.permissions import PERMISSIONS
from leyden.audit.rules.runs import RUNS, SEALS

_ALL: Final = (
    ENGINE,
    ARTIFACTS,
    LOADS,
    TRAINING,
    SURROUNDINGS,
    VALUES,
    CONTAINERS,
    COMMANDS,
    PIPELINES,
    DEPENDENCIES,
    ENVIRONMENT,
    ONLINE,
    PERMISSIONS,
    HOST,
    RUNS,
    SEALS,
    DOCTOR,
)
RULES: Final[Mapping[str, Rule]] = {rule.id: rule for rules in _ALL for rule in rules}
