"""Ranges that are not written by PEP 440, in its form: those of Poetry and of conda."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_RELEASE: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,9}")
_OPERATOR: Final = re.compile(r"\s*(~=|===|==|!=|<=|>=|<|>|=|\^|~)?\s*([A-Za-z0-9.*+!_-]{1,100})\s*")


def from_poetry(text: str) -> str:
    """Poetry's ``^2.1`` as ``>=2.1,<3``. Of alternatives, the first: the others are for other platforms."""
    return _joined(text.partition("||")[0], _poetry)


def from_conda(text: str) -> str:
    """conda's ``=2.1`` as ``==2.1.*`` and ``==2.1`` as it is; of alternatives, the first."""
    return _joined(text.partition("|")[0], _conda)


def _joined(text: str, clause: Callable[[str, str], str]) -> str:
    """Each operator and version in another form; nothing where one of them is none."""
    parts = []
    for part in text.split(","):
        if part.strip() in ("", "*"):
            continue
        found = _OPERATOR.fullmatch(part)
        if found is None:
            return ""
        parts.append(clause(found[1] or "==", found[2]))
    return ",".join(parts)


def _poetry(operator: str, version: str) -> str:
    match operator:
        case "^":
            return _up_to(version, _caret(version))
        case "~":
            return _up_to(version, _tilde(version))
        case "=":
            return f"=={version}"
        case _:
            return f"{operator}{version}"


def _conda(operator: str, version: str) -> str:
    if operator != "=" and not version.endswith("*"):
        return f"{operator}{version}"
    version = version.rstrip("*").rstrip(".")
    # What is whole is meant whole: 2.1.0 has no further parts.
    return f"=={version}" if version.count(".") >= 2 else f"=={version}.*"


def _up_to(version: str, end: str) -> str:
    return f">={version},<{end}" if end else f">={version}"


def _caret(version: str) -> str:
    """The first release after those that the first part which is not zero covers."""
    found = _RELEASE.match(version)
    if found is None:
        return ""
    parts = [int(part) for part in found[0].split(".")]
    for at, part in enumerate(parts):
        if part or at == len(parts) - 1:
            return ".".join(map(str, [*parts[:at], part + 1]))
    return ""


def _tilde(version: str) -> str:
    found = _RELEASE.match(version)
    if found is None:
        return ""
    parts = [int(part) for part in found[0].split(".")][:2]
    return ".".join(map(str, [*parts[:-1], parts[-1] + 1]))
