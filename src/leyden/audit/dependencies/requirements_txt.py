"""requirements.txt and its like: a line is a dependency, an option, or a comment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from leyden.audit.dependencies.declared import Declared, Option, Requirement, Style, Trouble, requirement
from leyden.audit.dependencies.foreign import from_conda
from leyden.audit.finding import Budget, shortened

_COMMENT: Final = re.compile(r"(^|\s)#.*")
_HASH: Final = re.compile(r"\s--hash(?:=|\s+)\S+")
_PER_REQUIREMENT: Final = re.compile(r"\s--(?:config-settings?|global-option|install-option)(?:=|\s+)\S+")
_OPTION: Final = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s+|(?=[^\s=A-Za-z-]))?(.*)")
_CONDA: Final = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._-]{0,126})=([A-Za-z0-9._!+]{1,64})(?:=[A-Za-z0-9._]{1,64})?")
_REFERENCE: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:|\.{1,2}/|/|[A-Za-z]:\\)\S*|\S+\.(?:whl|tar\.gz|zip)\S*|\.\S*"
    r"|[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){1,30}/?"
)
_MARKER: Final = re.compile(r"\s;|;\s")
_WHEEL: Final = re.compile(r"(?:^|[/\\])([A-Za-z0-9._]{1,100})-([A-Za-z0-9.!+_]{1,60})-[^/\\]{1,200}\.whl(?:[#?]|$)")
_EGG: Final = re.compile(r"[#&]egg=([A-Za-z0-9._-]{1,128})")
_TOLD: Final = 3  # lines that are shown of those that were not understood
_LONGEST: Final = 20_000  # characters of one line, with those that continue it
_SHORT: Final = {
    "-i": "index-url",
    "-r": "requirement",
    "-c": "constraint",
    "-e": "editable",
    "-f": "find-links",
    "--pypi-url": "index-url",
}


def read(text: str, budget: Budget) -> Declared:
    """What a requirements file declares. A file that it includes is looked at by itself, so it may include itself."""
    declared = Declared(Style.REQUIREMENTS)
    strange: list[tuple[int, str]] = []
    for number, line in _logical(text, budget):
        stripped = _COMMENT.sub("", line).strip()
        if not stripped:
            continue
        if stripped.startswith("-"):
            _option(declared, stripped, number)
            continue
        found = _requirement(stripped, number)
        if found is None:
            strange.append((number, stripped))
        else:
            declared.requirements.append(found)
    if strange:
        shown = ", ".join(f"`{shortened(line, 60)}`" for _, line in strange[:_TOLD])
        message = f"{len(strange):,} of its lines could not be understood: {shown}."
        declared.troubles.append(Trouble(message, strange[0][0]))
    return declared


def _logical(text: str, budget: Budget) -> Iterator[tuple[int, str]]:
    """Lines, with those that a backslash continues joined; each with the number of its first."""
    start, parts, size = 0, list[str](), 0
    for number, line in enumerate(text.splitlines(), 1):  # as pip does: at more than line feeds
        if number % 1_000 == 0:
            budget.take()
        if not parts:
            start = number
        continues = line.endswith("\\") and size < _LONGEST and not line.lstrip().startswith("#")
        parts.append(line[:-1] if continues else line)
        size += len(line)
        if not continues:
            yield start, " ".join(parts)[:_LONGEST]
            parts, size = [], 0
    if parts:
        yield start, " ".join(parts)[:_LONGEST]


def _option(declared: Declared, text: str, line: int) -> None:
    found = _OPTION.fullmatch(text)
    if found is None:
        declared.troubles.append(Trouble(f"`{shortened(text, 60)}` is no option of pip.", line))
        return
    name = _SHORT.get(found[1], found[1].lstrip("-"))
    value = found[2].strip().strip("\"'")
    if name == "editable":
        if (what := _requirement(value, line)) is not None:
            declared.requirements.append(what)
        return
    declared.options.append(Option(name, value, line))


def _requirement(text: str, line: int) -> Requirement | None:
    hashed = _HASH.search(text) is not None
    bare = _PER_REQUIREMENT.sub("", _HASH.sub("", text)).strip()
    if (found := requirement(bare, line, hashed=hashed)) is not None:
        return found
    exported = _CONDA.fullmatch(bare)
    if exported is not None:  # as `conda list --export` writes it
        return Requirement(exported[1], from_conda(f"=={exported[2]}"), line, bare)
    reference = _MARKER.split(bare, maxsplit=1)[0].strip()
    if _REFERENCE.fullmatch(reference) is None:
        return None
    if (wheel := _WHEEL.search(unquote(reference))) is not None:
        return Requirement(wheel[1], f"=={wheel[2]}", line, bare, reference, hashed)
    named = _EGG.search(reference)
    return Requirement(named[1] if named else "", "", line, bare, reference, hashed)
