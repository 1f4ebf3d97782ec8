"""Which versions of its libraries a project may run with, where defaults differ between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, final

_LIGHTNING: Final = ("lightning", "pytorch-lightning")  # the same code under two names


@final
@dataclass(frozen=True)
class Versions:
    """The oldest version of each package that a project may be installed with; empty where nobody says."""

    oldest: Mapping[str, str] = field(default_factory=dict)

    def of(self, *packages: str) -> str:
        """The oldest version of the first of these packages that is known, or an empty text."""
        return next((self.oldest[package] for package in packages if package in self.oldest), "")

    def before(self, release: str, *packages: str) -> bool | None:
        """Whether one of these packages may be older than ``release``; None where nobody says."""
        answers = {_older(self.oldest[package], release) for package in packages if package in self.oldest}
        answers.discard(None)
        return any(answers) if answers else None

    @property
    def lightning(self) -> str:
        return self.of(*_LIGHTNING)

    def lightning_before(self, release: str) -> bool | None:
        return self.before(release, *_LIGHTNING)


@lru_cache(maxsize=256)
def _older(version: str, release: str) -> bool | None:
    from packaging.version import InvalidVersion, Version  # here, since most audits know of no versions

    try:
        return Version(version) < Version(release)
    except InvalidVersion:
        return None
