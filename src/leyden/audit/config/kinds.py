"""Which files are configuration, by their name and their first bytes, and what a document is by what stands in it."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, final

from leyden.audit.config.documents import suffix
from leyden.audit.config.nodes import Mapping, Node
from leyden.audit.finding import File

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
_VARIABLES: Final = re.compile(r"\.env(?:\.[\w.-]{1,60})?|[\w-]{1,60}\.env")
_SHEBANG: Final = re.compile(rb"#![^\n]{0,80}\b(?:ba|z|k|da)?sh\b")


@final
class Shape(Enum):
    """How a file is read."""

    DOCUMENT = auto()  # YAML, JSON, TOML
    DOCKERFILE = auto()
    SCRIPT = auto()
    VARIABLES = auto()  # NAME=value


@final
class Kind(Enum):
    """What a document is for."""

    PLAIN = auto()
    COMPOSE = auto()
    KUBERNETES = auto()
    DEVCONTAINER = auto()
    WORKFLOW = auto()  # of GitHub, and its actions
    GITLAB = auto()
    CIRCLECI = auto()
    AZURE = auto()
    PRE_COMMIT = auto()
    MLPROJECT = auto()


IN_CONTAINER: Final = frozenset((Kind.COMPOSE, Kind.KUBERNETES, Kind.DEVCONTAINER))
PIPELINES: Final = frozenset((Kind.WORKFLOW, Kind.GITLAB, Kind.CIRCLECI, Kind.AZURE))


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


def kind(path: str, root: Node) -> Kind:
    """What a document is, by its path and its own words."""
    path = "/" + path.replace("\\", "/").lower()
    directory, _, name = path.rpartition("/")
    keys = root.keys() if isinstance(root, Mapping) else frozenset()
    if directory.endswith("/.github/workflows") or name in ("action.yml", "action.yaml"):
        return Kind.WORKFLOW
    if name.endswith((".gitlab-ci.yml", ".gitlab-ci.yaml")):
        return Kind.GITLAB
    if directory.endswith("/.circleci"):
        return Kind.CIRCLECI
    if name.startswith((".pre-commit-config.", ".pre-commit-hooks.")):
        return Kind.PRE_COMMIT
    if name in ("devcontainer.json", ".devcontainer.json"):
        return Kind.DEVCONTAINER
    if name == "mlproject":
        return Kind.MLPROJECT
    if {"apiVersion", "kind"} <= keys:
        return Kind.KUBERNETES
    if "azure-pipelines" in path or "/.azure" in path:
        return Kind.AZURE
    if "services" in keys and isinstance(root, Mapping) and isinstance(root.get("services"), Mapping):
        return Kind.COMPOSE
    if {"on", "jobs"} <= keys:
        return Kind.WORKFLOW
    return Kind.PLAIN
