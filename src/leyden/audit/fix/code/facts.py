"""What is known of a project, for a proof that a change of its code changes nothing that works."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

from leyden.audit.report import Report

FORCED: Final = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


@final
@dataclass(frozen=True)
class Facts:
    """``versions``: the oldest that the project may run each package with; ``found``: rules that found something."""

    versions: Mapping[str, str] = field(default_factory=dict)
    found: frozenset[str] = frozenset()
    forced: bool = False  # the environment lets torch.load unpickle by default

    def least(self, package: str, version: str) -> bool:
        """Whether the project runs ``package`` in this version or a newer one."""
        known = self.versions.get(package)
        if known is None:
            return False
        from packaging.version import InvalidVersion, Version

        try:
            return Version(known) >= Version(version)
        except InvalidVersion:
            return False


def facts_of(report: Report, versions: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> Facts:
    """What an audit has found out. Findings that somebody accepted are facts as well."""
    found = frozenset(finding.rule for finding in report.findings)
    return Facts(versions, found, environment.get(FORCED, "").lower() in ("1", "y", "yes", "true"))
