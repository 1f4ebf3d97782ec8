"""References to container images: which version they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.config.hits import Hit
from leyden.audit.config.kinds import Kind
from leyden.audit.config.nodes import Mapping, Scalar
from leyden.audit.config.pairs import Pair
from leyden.audit.rules.config_containers import BY_TAG, UNPINNED

_REFERENCE: Final = re.compile(
    r"(?P<name>(?:[a-zA-Z0-9][\w.-]{0,100}(?::[0-9]{1,5})?/)?[a-z0-9][a-z0-9._/-]{0,200})(?::(?P<tag>[\w][\w.-]{0,127}))?"
    r"(?P<digest>@sha256:\w{1,64})?"
)
_MOVING: Final = re.compile(r"(?:.*-)?(?:latest|main|master|nightly|edge|dev|stable)", re.IGNORECASE)
_IMAGED: Final = frozenset((Kind.COMPOSE, Kind.KUBERNETES, Kind.DEVCONTAINER, Kind.WORKFLOW, Kind.GITLAB,
                            Kind.CIRCLECI, Kind.AZURE, Kind.MLPROJECT))  # fmt: skip


def image(reference: str, line: int, column: int | None = None) -> Iterator[Hit]:
    """What is wrong with a reference; nothing where it is put together when it is used."""
    found = _REFERENCE.fullmatch(reference)
    if found is None or found["digest"]:
        return
    tag = found["tag"] or ""
    if not tag:
        yield Hit(UNPINNED, f"`{reference[:100]}` means whatever is the latest version.", line, column)
    elif _MOVING.fullmatch(tag):
        yield Hit(UNPINNED, f"The tag of `{reference[:100]}` moves to each new version.", line, column)
    else:
        yield Hit(BY_TAG, f"`{reference[:100]}` has no digest.", line, column)


def image_of(pair: Pair) -> Iterator[Hit]:
    """An image of a service, a container or a job."""
    if pair.kind not in _IMAGED or pair.owner.get("build") is not None:
        return
    # Elsewhere in a workflow the word is a name of its author's.
    if pair.kind is Kind.WORKFLOW and pair.key.text == "image" and not {"container", "services"} & {*pair.path}:
        return
    value = pair.value
    if isinstance(value, Mapping):  # of GitLab
        inner = value.get("name")
        value = inner if isinstance(inner, Scalar) else value
    if isinstance(value, Scalar):
        yield from image(value.text, value.line, value.column)


def tag_of(pair: Pair) -> Iterator[Hit]:
    """``tag`` beside ``repository``, as the values of Helm have it."""
    repository = pair.owner.text("repository")
    if repository and _MOVING.fullmatch(pair.text):
        text = f"The tag `{pair.text[:60]}` of `{repository[:100]}` moves to each new version."
        yield pair.hit(UNPINNED, text)
