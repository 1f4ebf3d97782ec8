"""Ranges that are not written by PEP 440, in its form: those of Poetry and of conda."""

from __future__ import annotations

import re
from typing import Final

_RELEASE: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,9}")
_OPERATOR: Final = re.compile(r"\s*(~=|===|==|!=|<=|>=|<|>|=|\^|~)?\s*([A-Za-z0-9.*+!_-]{1,100})\s*")


def from_poetry(text: str) -> str:
    """Poetry's ``^2.1`` as ``>=2.1,<3``. Of alternatives, the first: the others are for other platforms."""
    parts = []
    for part in text.partition("||")[0].split(","):
        if part.strip() in ("", "*"):
            continue
        found = _OPERATOR.fullmatch(part)
        if found is None:
            return ""
        operator, version = found[1] or "==", found[2]
        match operator:
            case "^":
                parts.append(_up_to(version, _caret(version)))
            case "~":
                parts.append(_up_to(version, _tilde(version)))
            case "=":
                parts.append(f"=={version}")
            case _:
                parts.append(f"{operator}{version}")
    return ",".join(parts)


def from_conda(text: str) -> str:
    """conda's ``=2.1`` as ``==2.1.*`` and ``==2.1`` as it is; of alternatives, the first."""
    parts = []
    for part in text.partition("|")[0].split(","):
        if part.strip() in ("", "*"):
            continue
        found = _OPERATOR.fullmatch(part)
        if found is None:
            return ""
        operator, version = found[1] or "==", found[2]
        if operator == "=" or version.endswith("*"):
            version = version.rstrip("*").rstrip(".")
            # What is whole is meant whole: 2.1.0 has no further parts.
            parts.append(f"=={version}" if version.count(".") >= 2 else f"=={version}.*")
        else:
            parts.append(f"{operator}{version}")
    return ",".join(parts)


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
