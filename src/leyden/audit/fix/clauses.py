"""A range of versions raised in the style in which it is written."""

from __future__ import annotations

import re
from typing import Final

_CLAUSE: Final = re.compile(r"(?P<operator>===|[=~!<>]=|[<>])(?P<space>\s*)(?P<version>[A-Za-z0-9.*+!_-]{1,100})")
_BOUNDS: Final = (">=", ">", "~=", "==", "===")
_SIMPLE: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,9}(?:\.\*)?")
_POETRY: Final = re.compile(r"([~^]?)(\s*)([0-9]{1,9}(?:\.[0-9]{1,9}){0,9})")
_CONDA: Final = re.compile(r"(={1,2}|>=)(\s*)([0-9]{1,9}(?:\.[0-9]{1,9}){0,9})")


def raised(specifier: str, fixed: str) -> str | None:
    """A range by PEP 440 that begins with ``fixed``; None where that takes a decision, as with a build after ``+``.

    Upper bounds and what is left out stay as they are: whoever wrote them knows why.
    """
    found = next((clause for clause in _CLAUSE.finditer(specifier) if clause["operator"] in _BOUNDS), None)
    if found is None:
        return f">={fixed},{specifier.lstrip()}" if specifier.strip() else f">={fixed}"
    if _SIMPLE.fullmatch(found["version"]) is None:
        return None
    operator, version = found["operator"], found["version"]
    if version.endswith(".*"):
        version = ".".join(fixed.split(".")[: version.count(".")]) + ".*"
    elif operator == "~=" and _cut(fixed, version) != fixed and not _means_all(fixed, version):
        return None
    elif operator == "~=":
        version = _cut(fixed, version)
    else:
        version = fixed
    operator = ">=" if operator == ">" else operator
    return specifier[: found.start()] + operator + found["space"] + version + specifier[found.end() :]


def raised_poetry(text: str, fixed: str) -> str | None:
    """Poetry's ``^2.1`` raised; other ranges are those of PEP 440."""
    found = _POETRY.fullmatch(text.strip())
    if found is None:
        return None if "^" in text or "||" in text or "*" in text else raised(text, fixed)
    return text.replace(found[0], f"{found[1]}{found[2]}{fixed}")


def raised_conda(text: str, fixed: str) -> str | None:
    """conda's ``=2.1`` raised, with as many parts as before where that means the same; a build is a decision."""
    found = _CONDA.fullmatch(text.strip())
    if found is None:
        return raised(text, fixed) if text.strip().startswith((">=", "<", "==")) and text.count("=") <= 4 else None
    version = _cut(fixed, found[3]) if found[1] == "=" and _means_all(fixed, found[3]) else fixed
    return text.replace(found[0], f"{found[1]}{found[2]}{version}")


def _cut(fixed: str, like: str) -> str:
    """``fixed`` with as many parts as ``like``."""
    return ".".join(fixed.split(".")[: like.count(".") + 1])


def _means_all(fixed: str, like: str) -> bool:
    """Is nothing but zeros cut off?"""
    return not any(part.strip("0") for part in fixed.split(".")[like.count(".") + 1 :])
