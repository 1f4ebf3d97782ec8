"""What is wrong with the dependencies that a file declares."""

from __future__ import annotations

from collections.abc import Iterator

from leyden.audit.advisories.advisory import Advisory, Catalogue, Kind
from leyden.audit.advisories.ranges import Admission
from leyden.audit.dependencies.declared import Declared, Requirement, Style
from leyden.audit.dependencies.names import meant
from leyden.audit.finding import Budget, Finding, Place
from leyden.audit.rules.dependencies import (
    COMPROMISED,
    COMPROMISED_ADMITTED,
    LOOK_ALIKE,
    UNHASHED,
    UNPINNED,
    UNREAD,
    VULNERABLE,
    VULNERABLE_ADMITTED,
)

_NAMED = 8  # packages that one message lists


def judged(declared: Declared, known: Catalogue, place: Place, budget: Budget) -> Iterator[Finding]:
    """The findings, in the order of the lines; those about the whole file last."""
    for trouble in declared.troubles:
        yield UNREAD.at(place.at_line(trouble.line), trouble.message, key="not understood")
    for number, one in enumerate(declared.requirements):
        if number % 100 == 0:
            budget.take()
        if one.name and not one.local:
            yield from _releases(one, known, place)
            yield from _name(one, place)
    yield from _pins(declared, place)
    yield from _hashes(declared, place)


def _releases(one: Requirement, known: Catalogue, place: Place) -> Iterator[Finding]:
    where, version = place.at_line(one.line), one.version
    if version:
        found = known.affecting(one.name, version)
        if found:
            yield _bad(one, where, found, f"`{one.name}` {version}", known.lowest_sound(one.name, version))
        return
    if one.url:  # what is behind an address without a version is not known
        return
    admission = known.admitted(one.name, one.specifier)
    if admission is None:
        return
    shown = f"`{one.name}{one.specifier}`"
    worst = admission.newest or (() if admission.sound else admission.advisories)
    if worst:
        yield _bad(one, where, worst, f"The newest release that {shown} lets in", admission.fixed)
    if not worst or worst[0].kind is not Kind.COMPROMISED:
        yield from _admitted(one, where, admission, shown, bad=bool(worst))


def _bad(one: Requirement, where: Place, found: tuple[Advisory, ...], what: str, fixed: str) -> Finding:
    """A release that is taken for certain."""
    worst = found[0]
    rule = COMPROMISED if worst.kind is Kind.COMPROMISED else VULNERABLE
    more = f" Known besides: {_ids(found[1:])}." if len(found) > 1 else ""
    text = f"{what} is {worst.kind.value} ({worst.id}): {worst.summary}{more}"
    severity = max(advisory.severity for advisory in found)
    mend = _mend(one, fixed)
    if rule is COMPROMISED:
        mend += " Where the bad one was ever installed, renew every credential that was in reach."
    return rule.at(where, text, snippet=one.text, key=f"{one.name} {_ids(found)}", mend=mend, severity=severity)


def _admitted(one: Requirement, where: Place, admission: Admission, shown: str, *, bad: bool) -> Iterator[Finding]:
    """What is in a range besides the release that an installer takes, which is ``bad`` itself or not."""
    stolen = [advisory for advisory in admission.advisories if advisory.kind is Kind.COMPROMISED]
    at_bound = [advisory for advisory in stolen if _at_bound(advisory, one.specifier)]
    mend = _mend(one, admission.fixed)
    if at_bound:
        text = f"{shown} begins or ends with a release that is compromised ({_ids(at_bound)}): {at_bound[0].summary}"
        key = f"{one.name} {_ids(at_bound)}"
        yield COMPROMISED_ADMITTED.at(where, text, snippet=one.text, key=key, mend=mend)
    if at_bound or bad or not one.specifier:  # that everything is let in is said by another rule
        return
    text = f"{shown} lets in releases with what is known as {_ids(admission.advisories)}."
    key = f"{one.name} {_ids(admission.advisories)}"
    yield VULNERABLE_ADMITTED.at(where, text, snippet=one.text, key=key, mend=mend)


def _at_bound(advisory: Advisory, specifier: str) -> bool:
    from packaging.specifiers import SpecifierSet

    from leyden.audit.advisories.ranges import affects, parsed

    return any(
        clause.operator in (">=", "<=", "~=") and affects(advisory, parsed(clause.version))
        for clause in SpecifierSet(specifier)
    )


def _name(one: Requirement, place: Place) -> Iterator[Finding]:
    if other := meant(one.name):
        text = f"`{one.name}` is not `{other}`, and its name is nearly that."
        yield LOOK_ALIKE.at(place.at_line(one.line), text, snippet=one.text, key=one.name.lower())


def _pins(declared: Declared, place: Place) -> Iterator[Finding]:
    loose = [one for one in declared.requirements if one.name and not (one.version or one.url or one.local)]
    if declared.style is not Style.REQUIREMENTS or not loose:
        return
    count = len(declared.requirements)
    text = f"{len(loose):,} of {count:,} have no exact version: {_names(loose)}."
    yield UNPINNED.at(place.at_line(loose[0].line), text, key="not pinned")


def _hashes(declared: Declared, place: Place) -> Iterator[Finding]:
    if declared.style is not Style.REQUIREMENTS:
        return
    pinned = [one for one in declared.requirements if one.version]
    bare = [one for one in pinned if not one.hashed]
    some = any(one.hashed for one in declared.requirements)
    if bare and (some or len(pinned) == len(declared.requirements)):
        text = f"{len(bare):,} of {len(pinned):,} pinned dependencies have no hash: {_names(bare)}."
        yield UNHASHED.at(place.at_line(bare[0].line), text, key="no hashes")


def _mend(one: Requirement, fixed: str) -> str:
    if not fixed:
        return f"No release of `{one.name}` is known in which all of it is mended: use another package."
    operator = "==" if one.version else ">="
    return f"`{one.name}{operator}{fixed}`."


def _ids(advisories: tuple[Advisory, ...] | list[Advisory]) -> str:
    names = [advisory.id for advisory in advisories]
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _names(requirements: list[Requirement]) -> str:
    names = [f"`{one.name}`" for one in requirements]
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
