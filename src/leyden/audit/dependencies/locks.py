"""Lock files: poetry.lock, uv.lock, pdm.lock and pylock.toml line by line, and Pipfile.lock.

They are as tools write them, and long: hundreds of thousands of lines are read without building anything of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from leyden.audit.config.from_json import parse_json
from leyden.audit.config.nodes import Mapping
from leyden.audit.dependencies.declared import Declared, Requirement, Style, Trouble
from leyden.audit.finding import Budget

_TABLE: Final = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"-]{1,200})\s*\]\]?\s*(?:#.*)?")
_TEXT: Final = re.compile(r"\s*(name|version)\s*=\s*\"([^\"\\]{0,200})\"\s*(?:#.*)?")
_SOURCE: Final = re.compile(r"\s*(?:source|vcs|directory|archive)\s*=\s*\{(.{0,2000})\}.*")
_LOCAL: Final = re.compile(r"\b(?:virtual|editable|directory|path)\s*=")
_ELSEWHERE: Final = re.compile(r"\b(?:git|url)\s*=\s*\"([^\"]{1,2000})\"")
_PACKAGES: Final = ("package", "packages")


@dataclass
class _Open:
    """A package whose table has not ended yet."""

    line: int
    name: str = ""
    version: str = ""
    url: str = ""
    local: bool = False
    hashed: bool = False


def read_toml(text: str, budget: Budget) -> Declared:
    """What any of the lock files in TOML has chosen."""
    declared = Declared(Style.LOCK)
    package: _Open | None = None
    here = False  # in the package's own table, and not in one inside of it
    opened = False
    for number, line in enumerate(text.split("\n"), 1):
        if number % 1_000 == 0:
            budget.take()
        table = _TABLE.fullmatch(line) if line.lstrip().startswith("[") else None
        if table is not None:
            name = table[2].strip('"')
            here = table[1] == "[[" and name in _PACKAGES
            opened = opened or here
            if here:
                _close(declared, package)
                package = _Open(number)
        elif package is not None:
            _take(package, line, here)
    _close(declared, package)
    if text.strip() and not opened and not _is_empty(text):
        declared.troubles.append(Trouble("It has no table of packages, so it is in a form that is not known.", 1))
    return declared


def read_pipfile_lock(text: str, budget: Budget) -> Declared:
    declared = Declared(Style.LOCK)
    parsed = parse_json(text, budget)
    declared.troubles += [Trouble(one.message, one.line) for one in parsed.troubles if one.kind == "malformed"]
    for document in parsed.documents:
        for section in ("default", "develop"):
            found = document.get(section) if isinstance(document, Mapping) else None
            for name, value in found.named() if isinstance(found, Mapping) else ():
                if not isinstance(value, Mapping):
                    continue
                version, url = value.text("version"), value.text("git") or value.text("file")
                if ref := value.text("ref"):
                    url += f"@{ref}"
                declared.requirements.append(
                    Requirement(
                        name.text,
                        version,
                        name.line,
                        f"{name.text} {version}".strip(),
                        url,
                        hashed=value.get("hashes") is not None,
                        local=value.get("path") is not None,
                    )
                )
    return declared


def _take(package: _Open, line: str, here: bool) -> None:
    package.hashed = package.hashed or "sha256" in line
    if not here:
        # poetry.lock has the source in a table of its own.
        if (found := _ELSEWHERE.fullmatch(line.strip())) is not None:
            package.url = found[1]
        elif line.strip() in ('type = "directory"', 'type = "file"'):
            package.local = True
        return
    if (text := _TEXT.fullmatch(line)) is not None:
        if text[1] == "name":
            package.name = package.name or text[2]
        else:
            package.version = package.version or text[2]
    elif (source := _SOURCE.fullmatch(line)) is not None:
        package.local = package.local or _LOCAL.search(source[1]) is not None
        if (url := _ELSEWHERE.search(source[1])) is not None:
            package.url = url[1]


def _close(declared: Declared, package: _Open | None) -> None:
    if package is None or not package.name:
        return
    specifier = f"=={package.version}" if package.version else ""
    declared.requirements.append(
        Requirement(
            package.name,
            specifier,
            package.line,
            f"{package.name} {package.version}".strip(),
            package.url,
            package.hashed,
            package.local,
        )
    )


def _is_empty(text: str) -> bool:
    """A lock of a project that depends on nothing."""
    return (
        re.search(r"^\s*(?:lock-)?version\s*=|^\s*(?:package|packages)\s*=\s*\[\s*\]", text, re.MULTILINE) is not None
    )
