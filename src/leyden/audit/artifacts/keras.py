"""The configuration of a Keras model: layers that hold code, and classes outside of Keras."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.artifacts.names import is_dangerous
from leyden.audit.finding import Artifact, File, Finding, Place, Record, Severity
from leyden.audit.rules.artifacts import KERAS_CODE
from leyden.audit.rules.engine import DAMAGED
from leyden.errors import FormatError
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

LONGEST_CONFIG: Final = 64 << 20
# Layers that are code, and layers that load it.
_CODE: Final = frozenset(("Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer"))
# What TensorFlow has besides arithmetic, which a TFOpLambda layer may call by name.
_TENSORFLOW: Final = frozenset((
    "io", "data", "raw_ops", "saved_model", "summary", "train", "py_function", "numpy_function", "py_func",
    "load_library", "load_op_library",
))  # fmt: skip
_CLASS: Final = re.compile(r"[A-Z]\w*")
_FUNCTIONS: Final = frozenset(
    f"keras.{path}"
    for name in ("activations", "losses", "metrics", "initializers", "regularizers", "constraints", "ops")
    for path in (name, f"src.{name}.{name}")
)
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
    yield from judge_config(file.place, config)


def judge_config(place: Place, config: Json) -> Iterator[Finding]:
    """What is wrong with the configuration of a model, which lies at ``place``."""
    for member in _objects(config):
        name, module, settings = member.get("class_name"), member.get("module"), member.get("config")
        if not isinstance(name, str):
            continue
        if name in _CODE:
            layer = str(member.get("name") or name)[:80]
            yield KERAS_CODE.at(place, f"Layer {layer!r} holds code or loads it.", key=f"{name} {layer}")
        elif isinstance(module, str) and not _is_own(module, name, settings):
            named = f"{module[:200]}.{name[:200]}"
            severity = None if is_dangerous((module, name)) else Severity.HIGH
            yield KERAS_CODE.at(place, f"It imports {named}.", severity=severity, snippet=named, key=named)
        if not isinstance(settings, dict):
            continue
        called = settings.get("function")
        if name == "TFOpLambda" and isinstance(called, str) and not _TENSORFLOW.isdisjoint(called.split(".")):
            yield KERAS_CODE.at(place, f"A layer calls tensorflow.{called[:200]}.", key=f"tensorflow {called[:200]}")
        source = settings.get("vocabulary")
        if isinstance(source, str):
            message = f"Loading it reads the file {source[:200]!r}."
            yield KERAS_CODE.at(place, message, severity=Severity.HIGH, key=f"vocabulary {source[:200]}")


def _is_own(module: str, name: str, config: Json) -> bool:
    if (module, name) in _HARMLESS:
        return True
    if module.partition(".")[0] not in _OWN:
        return False
    # Under its own name Keras is also reached for functions that fetch, unpack and load files.
    if name == "function":
        return module in _FUNCTIONS and isinstance(config, str) and config.isidentifier()
    return ".utils" not in module and _CLASS.fullmatch(name) is not None


def _objects(config: Json) -> Iterator[dict[str, Json]]:
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
