"""The enums whose members a checkpoint may hold."""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeVar

from leyden.wire.nodes import qualified_name

_Kind = TypeVar("_Kind", bound=type[Enum])

# What a file names is looked up here and nowhere else: an enum that the program has not registered is never imported.
ENUMS: Final[dict[str, type[Enum]]] = {}


def register_enum(kind: _Kind) -> _Kind:
    """Let checkpoints hold members of ``kind``; also a class decorator. Needed before saving and before loading."""
    ENUMS[qualified_name(kind)] = kind
    return kind
