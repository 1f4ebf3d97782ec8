"""Objects of libraries in a pickle, as what they stand for: as checkpoint.libraries writes those of a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from leyden.wire.encode import Encoder
from leyden.wire.legacy.values import DEEPEST, Reader
from leyden.wire.pickle.nodes import Dict, Global, Name, Object, Value
from leyden.wire.strict_json import Json

_CONFIGURATIONS: Final = (("omegaconf.dictconfig", "DictConfig"), ("omegaconf.listconfig", "ListConfig"))
_PLAIN: Final = (type(None), bool, int, float, str, bytes)


@final
@dataclass(frozen=True, eq=False)
class ForeignLibrary:
    """The parts of a ``$tag`` node."""

    tag: str
    parts: tuple[Any, ...]


def write_library(value: ForeignLibrary, out: Encoder) -> Json:
    """The node of it."""
    return {f"${value.tag}": [out.value(part) for part in value.parts]}


def _configuration(made: Object, source: Reader) -> ForeignLibrary:
    """A configuration of omegaconf: its values, with interpolations as they are written, and its flags."""
    state = _state(made, source)
    metadata = state.get("_metadata")
    flags = _state(metadata, source).get("flags") if isinstance(metadata, Object) else None
    return ForeignLibrary("omegaconf", (_values(made, source, {}, 0), source.value(flags)))


def _values(node: Value, source: Reader, done: dict[int, Any], depth: int) -> Any:
    """The plain values of a configuration; ``done`` are those of its parts, so that each is looked at once."""
    if depth > DEEPEST:
        source.fail(f"is a configuration that lies deeper than {DEEPEST} containers inside one another")
    if id(node) not in done:
        done[id(node)] = _read_values(node, source, done, depth)
    return done[id(node)]


def _read_values(node: Value, source: Reader, done: dict[int, Any], depth: int) -> Any:
    state = _state(node, source)
    if node.callee.module == "omegaconf.nodes":
        value = source.value(state.get("_val"))
        if type(value) not in _PLAIN:
            source.fail("is a configuration of omegaconf with other values than text and numbers")
        return value
    metadata = state.get("_metadata")
    kind = _state(metadata, source).get("object_type") if isinstance(metadata, Object) else None
    if node.callee.key not in _CONFIGURATIONS or (
        isinstance(kind, Global) and kind.module not in ("builtins", "typing")
    ):
        source.fail("is a structured configuration of omegaconf. Save OmegaConf.to_container(value)")
    match state.get("_content"):
        case None | str() as text:
            return text
        case list() as items:
            return [_values(item, source, done, depth + 1) for item in items]
        case Dict(pairs=pairs):
            keys = [*map(source.value, pairs[::2])]
            if not all(type(key) in _PLAIN for key in keys):
                source.fail("is a configuration of omegaconf with other keys than text and numbers")
            return dict(zip(keys, [_values(item, source, done, depth + 1) for item in pairs[1::2]], strict=True))
        case _:
            return source.fail("is a configuration of omegaconf that is written in an unusual way")


def _state(node: Value, source: Reader) -> Dict:
    if isinstance(node, Object) and isinstance(node.callee, Global) and isinstance(node.state, Dict):
        return node.state
    return source.fail("is a configuration of omegaconf that is written in an unusual way")


def _generator(made: Object, source: Reader) -> ForeignLibrary:
    """A generator of torch: its device and its state."""
    match made.arguments, made.state:
        case (device,), (int(), _, tensor):
            return ForeignLibrary("torch.Generator", (source.value(device), source.value(tensor)))
        case _:
            return source.fail("is a generator of torch that is written in an unusual way")


FOREIGN_LIBRARIES: Final[Mapping[Name, Callable[[Object, Reader], ForeignLibrary]]] = {
    **dict.fromkeys(_CONFIGURATIONS, _configuration),
    ("torch._C", "Generator"): _generator,
}
