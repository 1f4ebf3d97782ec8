"""An installed environment, looked at once."""

from __future__ import annotations

from collections.abc import Iterator

from leyden.audit.advisories.advisory import Catalogue
from leyden.audit.environment.distributions import Distribution, installed
from leyden.audit.environment.files import startup, unowned, writable
from leyden.audit.environment.installed import Listed, differences, origin, twice, without_record
from leyden.audit.environment.places import CONFIGURATION, Environment, sees_system
from leyden.audit.environment.releases import name, releases
from leyden.audit.finding import Finding, Place, Record, Survey
from leyden.audit.rules.environment import ENVIRONMENT, SEES_SYSTEM


def survey(environment: Environment, catalogue: Catalogue, everything: bool = False) -> Survey:
    """What there is to look at in ``environment``; with ``everything``, large files are hashed too."""
    return Survey("environment", lambda: look(environment, catalogue, everything), ENVIRONMENT)


def look(environment: Environment, catalogue: Catalogue, everything: bool = False) -> Iterator[Record]:
    """What matters most comes first, and comparing files, which takes longest, last."""
    distributions: list[Distribution] = []
    for folder in environment.folders:
        for one in installed(folder):
            if isinstance(one, Finding):
                yield one
            else:
                distributions.append(one)
    for distribution in distributions:
        yield from releases(distribution, catalogue)
        yield from name(distribution)
    listed = Listed.of(distributions, environment)
    for folder in environment.folders:
        yield from writable(folder, Place(folder))
        yield from startup(folder, listed.owned)
    yield from listed.findings
    yield from twice(distributions)
    for distribution in distributions:
        yield from origin(distribution)
    if sees_system(environment.prefix):
        place = Place(f"{environment.prefix}/{CONFIGURATION}")
        yield SEES_SYSTEM.at(place, "Packages of the system can be imported here and were not looked at.")
    yield from without_record(listed)
    complete = {one.folder for one in distributions} - {one.folder for one in listed.without}
    for folder in sorted(complete):
        yield from unowned(folder, listed.owned)
    for distribution, entries in listed.entries:
        yield from differences(distribution, entries, everything)
