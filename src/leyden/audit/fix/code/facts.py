"""What is known of a project, for a proof that a change of its code changes nothing that works."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

from leyden.audit.environment.distributions import Distribution, installed
from leyden.audit.environment.places import Environment
from leyden.audit.report import Report

FORCED: Final = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_ASKED: Final = frozenset(("torch", "lightning", "pytorch-lightning", "pyyaml"))
_PYTHON: Final = re.compile(r"[/\\]python(3\.\d{1,3})[/\\]")


@final
@dataclass(frozen=True)
class Facts:
    """``oldest``: the oldest version that the project asks for of each package; ``here``: what is installed for it;
    ``found``: the rules that found something; ``forced``: whether the environment lets torch.load unpickle by default.
    """

    oldest: Mapping[str, str] = field(default_factory=dict)
    here: Mapping[str, str] = field(default_factory=dict)
    found: frozenset[str] = frozenset()
    forced: bool = False

    def runs(self, package: str) -> str:
        """The oldest version that the project may run with, or where it does not say, the one that it runs with."""
        return self.oldest.get(package) or self.here.get(package, "")

    def least(self, package: str, version: str) -> bool:
        """Whether it is known to be this version or a newer one."""
        from packaging.version import InvalidVersion, Version

        try:
            return Version(self.runs(package)) >= Version(version)
        except InvalidVersion:
            return False


def facts_of(
    report: Report,
    oldest: Mapping[str, str],
    environment: Environment | None,
    variables: Mapping[str, str] = os.environ,
) -> Facts:
    """What an audit has found out, and the environment of the project. Accepted findings are facts as well."""
    found = frozenset(finding.rule for finding in report.findings)
    here = {} if environment is None else installed_in(environment)
    return Facts(oldest, here, found, variables.get(FORCED, "").lower() in ("1", "y", "yes", "true"))


def installed_in(environment: Environment) -> Mapping[str, str]:
    """The versions of the packages that proofs ask for, and of Python. The first directory wins, as on import."""
    here: dict[str, str] = {}
    for folder in environment.folders:
        for one in installed(folder):
            if isinstance(one, Distribution) and one.key in _ASKED:
                here.setdefault(one.key, one.version)
        if python := _PYTHON.search(folder):
            here.setdefault("python", python[1])
    return here
