"""What is known about bad releases: plain data, and what it says about a version or a range of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Final, final

from leyden.audit.finding import Severity

if TYPE_CHECKING:
    from leyden.audit.advisories.ranges import Admission

_SEPARATORS: Final = re.compile(r"[-_.]+")


@final
class Kind(Enum):
    """What is wrong with a release."""

    VULNERABLE = "vulnerable"
    COMPROMISED = "compromised"  # somebody else published it: it does harm by being installed or imported
    BY_POLICY = "by-policy"  # reported, and the project says that it is meant so: no release is another


@final
@dataclass(frozen=True)
class Advisory:
    """One report about some releases of one or more packages."""

    id: str  # "CVE-2025-32434", or another where there is none
    aliases: tuple[str, ...]
    packages: tuple[str, ...]  # normalized
    affected: tuple[str, ...]  # each ">=2.0,<2.6.0"; a release is affected that is in one of them, "" holds all
    fixed: str  # the first release without it; "" where none is known
    severity: Severity
    cwe: int | None
    kind: Kind
    summary: str  # one line
    sources: tuple[str, ...]  # addresses
    checked: str  # where the range was compared, or that it was not


@final
@dataclass(frozen=True)
class Catalogue:
    """A dated list of advisories. ``number`` grows with each one that is published."""

    number: int
    date: date
    advisories: tuple[Advisory, ...]

    def about(self, name: str) -> tuple[Advisory, ...]:
        """All that is known about a package, be it named as it may."""
        return self._by_name.get(normalized(name), ())

    def affecting(self, name: str, version: str) -> tuple[Advisory, ...]:
        """What is wrong with one release, the worst first. What is so by policy is left out: it counts for each.

        The part after ``+`` plays no role, and a pre-release of the one that mends is affected. Of a version that is
        none by PEP 440, only what holds for every release is known.
        """
        known = self._counting(name)
        if not known:
            return ()
        from leyden.audit.advisories.ranges import affects, parsed

        release = parsed(version)
        return tuple(one for one in known if affects(one, release))

    def admitted(self, name: str, specifier: str) -> Admission | None:
        """What is wrong with the releases that a requirement such as ``>=2.0,<2.6`` lets in; None for nothing."""
        known = self._counting(name)
        if not known:
            return None
        from leyden.audit.advisories.ranges import admission

        return admission(known, specifier)

    def lowest_sound(self, name: str, above: str = "") -> str:
        """The lowest release above one that mends something and that nothing is known against; "" where none does."""
        known = self._counting(name)
        if not known:
            return ""
        from leyden.audit.advisories.ranges import lowest_sound, parsed

        return lowest_sound(known, parsed(above))

    def _counting(self, name: str) -> tuple[Advisory, ...]:
        return tuple(one for one in self.about(name) if one.kind is not Kind.BY_POLICY)

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Advisory, ...]]:
        found: dict[str, list[Advisory]] = {}
        for one in self.advisories:
            for name in one.packages:
                found.setdefault(name, []).append(one)
        return {name: worst_first(known) for name, known in found.items()}


def normalized(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return _SEPARATORS.sub("-", name).lower()


def worst_first(advisories: Iterable[Advisory]) -> tuple[Advisory, ...]:
    """Compromised releases before vulnerable ones, then by severity."""
    return tuple(sorted(advisories, key=lambda one: (one.kind is not Kind.COMPROMISED, -one.severity)))
