"""The configuration of a Keras model: layers that hold code, and classes outside of Keras."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leyden.audit.artifacts.names import is_dangerous
from leyden.audit.finding import Artifact, File, Record, Severity
from leyden.audit.rules.artifacts import KERAS_CODE
from leyden.audit.rules.engine import DAMAGED
from leyden.errors import FormatError
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

LONGEST_CONFIG: Final = 64 << 20
_OWN: Final = ("keras", "keras_hub", "keras_nlp", "keras_cv", "tf_keras", "keras_core")
_HARMLESS: Final = {("builtins", name) for name in ("slice", "int", "float", "str", "bool", "bytes")}


def read_config(file: File) -> Iterator[Record]:
    """What is wrong with a ``config.json`` of Keras."""
    if len(file.data) > LONGEST_CONFIG:
        yield DAMAGED.at(file.place, f"The configuration has over {LONGEST_CONFIG:,} bytes, the limit.", key="config")
        return
    try:
        config = strict_json.loads(
            str(file.data, "utf-8", "surrogateescape"), depth=500, values=1_000_000, what="the configuration"
        )
    except (FormatError, RecursionError) as error:
        yield DAMAGED.at(file.place, f"The configuration of the model cannot be read: {error}", key="config")
        return
    yield Artifact(file.place, "keras-config", len(file.data), framework="keras")
    for member in _objects(config):
        name, module = member.get("class_name"), member.get("module")
        if name in ("Lambda", "__lambda__"):
            layer = member.get("name") or name
            yield KERAS_CODE.at(
                file.place, f"Layer {str(layer)[:80]!r} holds Python code.", key=f"lambda {str(layer)[:80]}"
            )
        elif isinstance(module, str) and isinstance(name, str) and not _is_own(module, name):
            named = f"{module[:200]}.{name[:200]}"
            severity = None if is_dangerous((module, name)) else Severity.HIGH
            yield KERAS_CODE.at(file.place, f"It imports {named}.", severity=severity, snippet=named, key=named)


def _is_own(module: str, name: str) -> bool:
    root = module.partition(".")[0]
    # Functions that Keras itself has are reached under its name, and some of these fetch and unpack files.
    reaches = root in _OWN and (".utils" in module or "get_file" in name or "load" in name.lower())
    return (root in _OWN and not reaches) or (module, name) in _HARMLESS


def _objects(config: Json) -> Iterator[dict[str, Json]]:
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
