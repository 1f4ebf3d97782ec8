"""Which files are configuration and how they are read, by their name and their first bytes."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, final

from leyden.audit.finding import File

DOCUMENTS: Final = frozenset((".yaml", ".yml", ".json", ".jsonc", ".toml"))
# Files of these names are YAML without saying so.
_NAMES: Final = frozenset(("mlproject", ".condarc"))
# YAML is the one format that can be read around the holes of a template.
_TEMPLATE: Final = re.compile(r".*\.ya?ml\.(?:j2|jinja2?|tmpl|tpl|template|example|sample|dist)")
# Written by tools: what is in them is data, and most of a project's bytes.
_GENERATED: Final = re.compile(
    r"(?:package-lock|npm-shrinkwrap|tokenizer|vocab|added_tokens|special_tokens_map)\.json"
    r"|.*\.(?:lock|index|sarif|cdx|spdx|schema)\.json|(?:pnpm-lock|conda-lock)\.ya?ml"
)
_DOCKERFILE: Final = re.compile(
    r"(?:dockerfile|containerfile)(?:[._-](?!(?:md|rst|txt|py|sh|ya?ml|json|dockerignore)$)[\w.-]{1,80})?"
    r"|[\w.-]{1,100}\.(?:dockerfile|containerfile)"
)
_SCRIPT: Final = re.compile(
    r".*\.(?:sh|bash|zsh|ksh|sbatch|slurm|job|pbs|lsf|service|envrc)|jenkinsfile[\w.-]{0,40}|\.envrc"
)
_VARIABLES: Final = re.compile(r"\.env(?:\.[\w.-]{1,60})?|[\w-]{1,60}\.env|\.deepspeed_env")
_SHEBANG: Final = re.compile(rb"#![^\n]{0,80}\b(?:ba|z|k|da)?sh\b")


@final
class Shape(Enum):
    """How a file is read."""

    DOCUMENT = auto()  # YAML, JSON, TOML
    DOCKERFILE = auto()
    SCRIPT = auto()
    VARIABLES = auto()  # NAME=value


def suffix(name: str) -> str:
    """The suffix by which a document is read whose name is given in lower case; an empty text for other files."""
    found = ".yaml" if name in _NAMES or _TEMPLATE.fullmatch(name) else f".{name.rpartition('.')[2]}"
    return found if found in DOCUMENTS else ""


def shape(file: File) -> Shape | None:
    """How to read a file; None where it is no configuration."""
    name = file.name
    if suffix(name):
        return None if _GENERATED.fullmatch(name) else Shape.DOCUMENT
    if _DOCKERFILE.fullmatch(name):
        return Shape.DOCKERFILE
    if _VARIABLES.fullmatch(name):
        return Shape.VARIABLES
    if _SCRIPT.fullmatch(name):
        return Shape.SCRIPT
    if "." not in name and _SHEBANG.match(bytes(file.data[:100])) is not None:
        return Shape.SCRIPT
    return None
