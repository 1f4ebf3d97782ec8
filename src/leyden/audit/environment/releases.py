"""What is known about each installed release by its name and version alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from leyden.audit.advisories.advisory import Advisory, Catalogue, Kind
from leyden.audit.dependencies.names import CONFUSED, meant
from leyden.audit.environment.distributions import Distribution
from leyden.audit.finding import Finding, Severity
from leyden.audit.rules.environment import COMPROMISED_INSTALLED, LOOK_ALIKE_INSTALLED, VULNERABLE_INSTALLED

_MOST_NAMED: Final = 8


def releases(distribution: Distribution, catalogue: Catalogue) -> Iterator[Finding]:
    """A compromised release, else the weaknesses of a release in one finding: one upgrade mends them."""
    known = catalogue.affecting(distribution.name, distribution.version)
    bad = [one for one in known if one.kind is Kind.COMPROMISED]
    for one in bad:
        text = f"{distribution} is a compromised release ({one.id}). {one.summary}"
        package = f"{distribution.key}=={distribution.version}"
        mend = (
            "Change every password, token and key that this machine or account could read. Make the environment anew, "
            f"without this release. `leyden which-models --package {shlex.quote(package)}` names the checkpoints that "
            "were made where it was installed."
        )
        yield COMPROMISED_INSTALLED.at(distribution.place, text, key=f"{package} {one.id}", mend=mend)
    if known and not bad:
        yield _vulnerable(distribution, known, catalogue)


def name(distribution: Distribution) -> Iterator[Finding]:
    """A name that is a slip away from a well-known one, or one that is often taken for it."""
    if not (other := meant(distribution.name)):
        return
    if distribution.key in CONFUSED:  # most often a package that only says that the other one is meant
        text = f"{distribution} is not {other}, which is probably meant."
        yield LOOK_ALIKE_INSTALLED.at(distribution.place, text, key=distribution.key, severity=Severity.INFO)
    else:
        text = f"{distribution} is not {other}, and its name is nearly that."
        yield LOOK_ALIKE_INSTALLED.at(distribution.place, text, key=distribution.key)


def _vulnerable(distribution: Distribution, known: Sequence[Advisory], catalogue: Catalogue) -> Finding:
    worst = known[0]
    names = ", ".join(one.id for one in known[:_MOST_NAMED])
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    text = f"{distribution} is named by {names}{more}. {worst.summary}"
    fixed = catalogue.lowest_sound(distribution.name)
    mend = f"Install {distribution.name} {fixed} or newer." if fixed else "No release is without it: remove it."
    key = f"{distribution.key} {distribution.version} {' '.join(one.id for one in known)}"
    return VULNERABLE_INSTALLED.at(distribution.place, text, key=key, mend=mend, severity=worst.severity)
