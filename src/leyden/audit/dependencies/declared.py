"""What a file declares: requirements with their lines, and how an installer is told to find them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, final

_PIN: Final = re.compile(r"={2,3}\s*([^\s,*]+)")
_REQUIREMENT: Final = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?)\s*(?P<extras>\[[^\[\]]{0,500}\])?\s*"
    r"(?:@\s*(?P<url>\S{1,2000})|\(?\s*(?P<specifier>(?:(?:===|[=~!<>]=|[<>])\s*[A-Za-z0-9.*+!_-]{1,100}\s*,?\s*){0,20})\)?)"
    r"\s*(?:;(?P<marker>.*))?\s*"
)


@final
class Style(Enum):
    """What a file is for."""

    REQUIREMENTS = "requirements"  # what one program is installed with
    LIBRARY = "library"  # what a package asks of whoever installs it: ranges are right here
    LOCK = "lock"  # what a tool has chosen
    COMMANDS = "commands"  # what scripts install


@final
@dataclass(frozen=True)
class Requirement:
    """One dependency, as it is declared."""

    name: str
    specifier: str  # by PEP 440; "" for any release
    line: int
    text: str  # as it is written
    url: str = ""  # where it is taken from, instead of an index
    hashed: bool = False  # what is installed is compared with a digest
    local: bool = False  # a part of the project itself
    conda: bool = False  # it is written as conda writes it

    @property
    def version(self) -> str:
        """The release that is pinned, or ""."""
        found = _PIN.fullmatch(self.specifier.strip())
        return found[1] if found else ""


@final
@dataclass(frozen=True)
class Option:
    """How the installer is told to find packages."""

    name: str  # "extra-index-url"
    value: str
    line: int


@final
@dataclass(frozen=True)
class Trouble:
    """What could not be understood."""

    message: str
    line: int


@final
@dataclass
class Declared:
    """Everything in one file."""

    style: Style
    requirements: list[Requirement] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    def option(self, *names: str) -> Iterator[Option]:
        return (option for option in self.options if option.name in names)


def requirement(text: str, line: int, *, hashed: bool = False) -> Requirement | None:
    """A dependency as PEP 508 writes it; None for anything else."""
    if len(text) > 4_000:
        return None
    found = _REQUIREMENT.fullmatch(" ".join(text.split()))
    if found is None:
        return None
    specifier = (found["specifier"] or "").strip().rstrip(",").strip()
    return Requirement(found["name"], specifier, line, text.strip(), found["url"] or "", hashed)
