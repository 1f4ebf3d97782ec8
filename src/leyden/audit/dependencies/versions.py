"""The oldest versions that a project may run its libraries with, by the files in its directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from leyden.audit.advisories.advisory import normalized
from leyden.audit.dependencies.kinds import kind
from leyden.audit.finding import Budget, LimitError, Limits
from leyden.errors import FormatError

if TYPE_CHECKING:
    from packaging.version import Version

    from leyden.audit.dependencies.declared import Declared, Requirement

WANTED: Final = frozenset(("torch", "lightning", "pytorch-lightning", "transformers", "numpy", "pyyaml"))
_SECONDS: Final = 5.0  # for all files together; what takes longer is not known
_MOST: Final = 10_000  # names of the directory
_FILES: Final = 50
_LARGEST: Final = 8 << 20  # bytes of one file


@final
@dataclass
class _Said:
    """What the files say about one package."""

    exact: list[Version] = field(default_factory=list)  # locked or pinned
    least: list[Version | None] = field(default_factory=list)  # lower bounds; None where a range has none


def versions(root: str) -> Mapping[str, str]:
    """The oldest version of each package that changes what code does, by its normalized name.

    What a lock or a pin says counts. Without one, it is the lowest bound, if every file that names the package has one.
    A package of which nobody says is left out, and so is one whose version is not known, as behind an address.
    """
    said: dict[str, _Said] = {}
    for declared in _declared(root):
        for one in declared.requirements:
            if (name := normalized(one.name)) in WANTED and not one.local:
                _take(said.setdefault(name, _Said()), one)
    return {name: str(oldest) for name, one in sorted(said.items()) if (oldest := _oldest(one)) is not None}


def _oldest(said: _Said) -> Version | None:
    if said.exact:
        return min(said.exact)
    bounds = [bound for bound in said.least if bound is not None]
    return min(bounds) if bounds and len(bounds) == len(said.least) else None


def _take(said: _Said, one: Requirement) -> None:
    from leyden.audit.advisories.ranges import parsed

    if one.version and (pinned := parsed(one.version)) is not None:
        said.exact.append(pinned)
    else:
        said.least.append(None if one.url or not one.specifier else least(one.specifier))


def least(specifier: str) -> Version | None:
    """The lower bound of a range."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    from leyden.audit.advisories.ranges import parsed

    try:
        parts = SpecifierSet(specifier)
    except InvalidSpecifier:
        return None
    bounds = [
        bound
        for part in parts
        if part.operator in (">=", ">", "~=", "==") and (bound := parsed(part.version.removesuffix(".*"))) is not None
    ]
    return max(bounds, default=None)


def _declared(root: str) -> Iterator[Declared]:
    """What the files say; what cannot be read says nothing here, and the audit tells of it."""
    from leyden.audit.config import documents
    from leyden.audit.dependencies.kinds import reader
    from leyden.audit.opening import opened

    budget = Budget(Limits(seconds=_SECONDS))
    for path, found in _files(root):
        try:
            with opened(path, budget) as file:
                budget.take()
                if len(file.data) <= _LARGEST:
                    yield reader(found)(documents.decoded(file.data), budget)
        except (OSError, FormatError, LimitError, RecursionError):
            continue


def _files(root: str) -> Iterator[tuple[str, str]]:
    """The files of the directory itself that declare dependencies, in the order of their names."""
    try:
        with os.scandir(root) as entries:
            names = sorted(entry.name for entry, _ in zip(entries, range(_MOST), strict=False))
    except OSError:
        return
    found = [(str(Path(root, name)), known) for name in names if (known := kind(name))]
    yield from found[:_FILES]
