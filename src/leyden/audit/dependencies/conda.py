"""environment.yml of conda, with what it leaves to pip, and the lock files of conda-lock."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from leyden.audit.config.from_yaml import parse_yaml
from leyden.audit.config.nodes import Mapping, Node, Scalar, Sequence, target
from leyden.audit.dependencies import requirements_txt
from leyden.audit.dependencies.declared import Declared, Requirement, Style, Trouble
from leyden.audit.dependencies.foreign import from_conda
from leyden.audit.finding import Budget

_DEPENDENCIES: Final = re.compile(r"^[\"']?(?:dependencies|package)\b", re.MULTILINE)
_SPEC: Final = re.compile(
    r"(?:[^:\s]{1,200}::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]{0,126})\s*(?P<range>[^\[]{0,200}?)\s*(?:\[.{0,500}\])?"
)
_BUILD: Final = re.compile(r"(=[^=<>!~\s]+)=[^=\s]+$|(?<=[0-9*])\s+[A-Za-z0-9_*]+$")
# What conda calls otherwise than PyPI.
NAMES: Final = {"pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch"}


def read_environment(text: str, budget: Budget) -> Declared:
    declared = Declared(Style.REQUIREMENTS)
    for document in _documents(declared, text, budget):
        listed = target(document.get("dependencies")) if isinstance(document, Mapping) else None
        for item in listed.items if isinstance(listed, Sequence) else ():
            match target(item):
                case Scalar() as scalar if scalar.text.startswith("-"):  # MLflow's python_env.yaml is for pip
                    _for_pip(declared, scalar, budget)
                case Scalar() as scalar:
                    _conda(declared, scalar)
                case Mapping() as inner:
                    _pip(declared, inner, budget)
                case _:
                    continue
    return declared


def read_lock(text: str, budget: Budget) -> Declared:
    declared = Declared(Style.LOCK)
    for document in _documents(declared, text, budget):
        listed = target(document.get("package")) if isinstance(document, Mapping) else None
        for item in listed.items if isinstance(listed, Sequence) else ():
            one = target(item)
            if not isinstance(one, Mapping) or not (name := one.text("name")):
                continue
            version = one.text("version")
            if one.text("manager") != "pip":
                name = NAMES.get(name.lower(), name)
            declared.requirements.append(
                Requirement(name, f"=={version}", one.line, f"{name} {version}", hashed=one.get("hash") is not None)
            )
    return declared


def _documents(declared: Declared, text: str, budget: Budget) -> tuple[Node, ...]:
    """Its documents; other files are called so too, and what is wrong with them is not for here."""
    if _DEPENDENCIES.search(text) is None:
        return ()
    parsed = parse_yaml(text, budget)
    declared.troubles += [Trouble(one.message, one.line) for one in parsed.troubles if one.kind == "malformed"]
    return parsed.documents


def _conda(declared: Declared, scalar: Scalar) -> None:
    found = _SPEC.fullmatch(scalar.text.strip())
    if found is None:
        declared.troubles.append(Trouble(f"`{scalar.text[:60]}` is no package of conda.", scalar.line))
        return
    name = found["name"]
    wanted = _BUILD.sub(r"\1", found["range"].strip())
    declared.requirements.append(
        Requirement(NAMES.get(name.lower(), name), from_conda(wanted), scalar.line, scalar.text.strip(), conda=True)
    )


def _pip(declared: Declared, inner: Mapping, budget: Budget) -> None:
    for key, value in inner.named():
        if key.text != "pip" or not isinstance(value, Sequence):
            continue
        for item in value.items:
            if isinstance(scalar := target(item), Scalar):
                _for_pip(declared, scalar, budget)


def _for_pip(declared: Declared, scalar: Scalar, budget: Budget) -> None:
    read = requirements_txt.read(scalar.text, budget)
    declared.requirements += [replace(one, line=scalar.line) for one in read.requirements]
    declared.options += [replace(one, line=scalar.line) for one in read.options]
    declared.troubles += [replace(one, line=scalar.line) for one in read.troubles]
