"""Arguments of a Trainer in a configuration, as Lightning's command line reads it: under the key ``trainer``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from leyden.audit.code.trainers import Made
from leyden.audit.config.documents import PARSERS, decoded, parse
from leyden.audit.config.nodes import Mapping, Node, Scalar, Sequence, target
from leyden.audit.config.shapes import suffix
from leyden.audit.finding import Budget, Place
from leyden.audit.opening import head
from leyden.errors import FormatError

_LARGEST: Final = 1 << 20  # bytes
_DEEPEST: Final = 8
_WIDEST: Final = 1_000  # values of one Trainer
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9]+(?:[eE][-+]?[0-9]+)?")
_NOTHING: Final = ("", "~", "null", "Null", "NULL")


def configured(path: Path) -> Iterator[Made]:
    """The Trainers that a file describes; FormatError or LimitError where it cannot be read."""
    name = path.name.lower()
    if not suffix(name):
        raise FormatError(f"{path} is no configuration that can be read. Use one of {', '.join(PARSERS)}.")
    content = head(str(path), _LARGEST + 1)
    if len(content) > _LARGEST:
        raise FormatError(f"{path} has over {_LARGEST:,} bytes, the limit of a configuration.")
    parsed = parse(name, decoded(memoryview(content)), Budget())
    for trouble in parsed.troubles:
        if trouble.kind == "malformed":
            raise FormatError(f"{path}, line {trouble.line}: {trouble.message}")
    for document in parsed.documents:
        trainer = document.get("trainer") if isinstance(document, Mapping) else None
        if isinstance(trainer, Mapping):
            yield _made(trainer, Place(str(path)).at_line(trainer.line))


def _made(trainer: Mapping, place: Place) -> Made:
    arguments: dict[str, Any] = {}
    unknown: list[str] = []
    left = [_WIDEST]
    for key, value in trainer.named():
        name = key.text[:100]
        try:
            arguments[name] = _plain(value, _DEEPEST, left)
        except ValueError:
            unknown.append(name)
    return Made(place, "", arguments, tuple(unknown))


def _plain(node: Node, deepest: int, left: list[int]) -> Any:
    """The plain data of a node; ValueError where it is more than that: an object, or too much."""
    left[0] -= 1
    found = target(node)
    if deepest == 0 or left[0] < 0 or found is None or found.tag:
        raise ValueError("no plain data")
    match found:
        case Scalar():
            return _scalar(found)
        case Sequence():
            return [_plain(item, deepest - 1, left) for item in found.items]
        case Mapping():
            if "class_path" in found.keys():  # noqa: SIM118 - it is no dict
                raise ValueError("an object")
            return {key.text: _plain(value, deepest - 1, left) for key, value in found.named()}


def _scalar(found: Scalar) -> Any:
    if not found.plain:
        return found.text
    if found.text in _NOTHING:
        return None
    if found.is_true or found.is_false:
        return found.is_true
    if _NUMBER.fullmatch(found.text) and len(found.text) < 100:
        return int(found.text) if found.text.lstrip("+-").replace("_", "").isdecimal() else float(found.text)
    return found.text
