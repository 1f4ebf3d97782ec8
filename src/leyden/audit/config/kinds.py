"""What a document is for, by its path and what stands in it."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, final

from leyden.audit.config.nodes import Mapping, Node


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


PIPELINES: Final = frozenset((Kind.WORKFLOW, Kind.GITLAB, Kind.CIRCLECI, Kind.AZURE))


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
