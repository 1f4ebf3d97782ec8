"""The index of a model that is spread over several files: which file each tensor is in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leyden.audit.artifacts.paths import escapes
from leyden.audit.finding import File, Finding
from leyden.audit.rules.artifacts import ESCAPES
from leyden.audit.rules.engine import DAMAGED
from leyden.errors import FormatError
from leyden.wire import strict_json

_NAME: Final = ".index.json"
_MOST_SHOWN: Final = 20


def read_index(file: File) -> Iterator[Finding]:
    """Files of an index that lie elsewhere; nothing where the text is no index."""
    if not file.name.endswith(_NAME):
        return
    try:
        index = strict_json.loads(str(file.data, "utf-8"), depth=100, values=2_000_000, what="the index")
    except (FormatError, UnicodeDecodeError, RecursionError) as error:
        yield DAMAGED.at(file.place, f"The index of the model cannot be read: {error}", key="index")
        return
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict):
        return
    for path in sorted({path for path in files.values() if isinstance(path, str) and escapes(path)})[:_MOST_SHOWN]:
        yield ESCAPES.at(
            file.place, f"Tensors are in {path[:200]!r}, outside of the model's directory.", key=path[:200]
        )
