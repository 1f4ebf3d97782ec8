"""Versions and ranges against advisories.

An advisory speaks of an order of releases. PEP 440's own ``<2.6`` does not hold 2.6rc1, which has the flaw, so versions
are compared one by one here, without their local part. What a requirement admits is asked of packaging.

Nobody knows all releases without a network. A range is asked about the few versions where an answer can change: the
bounds of the advisories, its own, and those right beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from leyden.audit.advisories.advisory import Advisory

_CLAUSE: Final = re.compile(r"(<=|>=|==|<|>)\s*([0-9A-Za-z.!+_-]{1,64})")
_LARGE: Final = 999_999  # no release has such a part
_LONGEST: Final = 1_000  # characters of a specifier


@final
@dataclass(frozen=True)
class Admission:
    """What a requirement lets in."""

    advisories: tuple[Advisory, ...]  # of releases that it admits
    newest: tuple[Advisory, ...]  # of the newest that it can admit, which is what an installer takes
    sound: bool  # whether it admits a release that nothing is known against
    fixed: str  # the lowest release that mends something and that nothing is known against, or ""


def parsed(text: str) -> Version | None:
    """A version without its local part; None for what is none."""
    if len(text) > _LONGEST:
        return None
    try:
        return Version(Version(text).public)
    except InvalidVersion:
        return None


def affects(advisory: Advisory, version: Version | None) -> bool:
    """Is this release one of those that the advisory speaks of?"""
    return any(_within(version, text) for text in advisory.affected)


def lowest_sound(advisories: Sequence[Advisory], above: Version | None = None) -> str:
    """The lowest of the releases ``above`` one that mend something, and which none of the advisories speaks of."""
    fixed = {version for one in advisories if (version := parsed(one.fixed)) is not None}
    sound = [
        version
        for version in fixed
        if (above is None or version > above) and not any(affects(one, version) for one in advisories)
    ]
    return str(min(sound)) if sound else ""


def admission(advisories: Sequence[Advisory], specifier: str) -> Admission | None:
    """What a range admits; None where it admits nothing bad, or is no range."""
    if len(specifier) > _LONGEST:
        return None
    try:
        wanted = SpecifierSet(specifier)
    except InvalidSpecifier:
        return None
    inside = [version for version in _points(advisories, wanted) if wanted.contains(version, prereleases=True)]
    bad = [one for one in advisories if any(affects(one, version) for version in inside)]
    if not bad:
        return None
    return Admission(
        advisories=tuple(bad),
        newest=tuple(one for one in advisories if affects(one, max(inside))),
        sound=any(not any(affects(one, version) for one in advisories) for version in inside),
        fixed=lowest_sound(advisories, min(inside)),
    )


def clauses(text: str) -> Iterator[tuple[str, Version]]:
    """The parts of an advisory's range."""
    for operator, version in _CLAUSE.findall(text):
        yield operator, Version(version)


def is_range(text: str) -> bool:
    """Can an advisory name its releases like this?"""
    parts = [part.strip() for part in text.split(",")] if text else []
    found = [_CLAUSE.fullmatch(part) for part in parts]
    return all(match is not None and parsed(match[2]) is not None for match in found)


def _within(version: Version | None, text: str) -> bool:
    if version is None:
        return not text
    return all(_holds(version, operator, bound) for operator, bound in clauses(text))


def _holds(version: Version, operator: str, bound: Version) -> bool:
    match operator:
        case "<":
            return version < bound
        case "<=":
            return version <= bound
        case ">":
            return version > bound
        case ">=":
            return version >= bound
        case _:
            return version == bound


def _points(advisories: Iterable[Advisory], wanted: SpecifierSet) -> set[Version]:
    points = {Version("0"), Version(str(_LARGE))}
    for one in advisories:
        points.update(bound for text in one.affected for _, bound in clauses(text))
        if (fixed := parsed(one.fixed)) is not None:
            points.add(fixed)
    for clause in wanted:
        points.update(_beside(clause))
    return points


def _beside(clause: Specifier) -> Iterator[Version]:
    """The bound of a clause, the version right above it, and the newest one below it that it may mean."""
    bound = parsed(clause.version.removesuffix(".*"))
    if bound is None:
        return
    yield bound
    release = bound.release
    match clause.operator:
        case ">":
            yield Version(_dotted((*release, 1)))
        case "<":
            if (below := _below(release)) is not None:
                yield Version(_dotted((*below, _LARGE)))
        case "~=":
            yield Version(_dotted((*release[:-1], _LARGE)))
        case "==" if clause.version.endswith(".*"):
            yield Version(_dotted((*release, _LARGE)))
        case _:
            return


def _below(release: tuple[int, ...]) -> tuple[int, ...] | None:
    """The release series right before one: 2.6 before 2.7.0."""
    for at in range(len(release) - 1, -1, -1):
        if release[at]:
            return (*release[:at], release[at] - 1)
    return None


def _dotted(release: Iterable[int]) -> str:
    return ".".join(map(str, release))
