"""Objects of libraries that are written as what they stand for. No library is imported: one that is not has no objects.

What reads them may do more than hold data (interpolations of a configuration call functions), so they come back only
from trusted files, like every object.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, EnumMeta
from pathlib import PosixPath, WindowsPath
from typing import Any, Final, final

import torch

from leyden.wire.decode import Decoder
from leyden.wire.encode import Encoder
from leyden.wire.strict_json import Json


@final
@dataclass(frozen=True)
class Library:
    """How objects of classes of a library become the body of a ``$tag`` node, and back."""

    tag: str
    types: tuple[tuple[str, str], ...]  # module and name of each class
    write: Callable[[Any, Encoder], Json]
    read: Callable[[Json, Decoder], object]


def write_of_library(value: Any, out: Encoder) -> Json:
    """The node of an object of a library, or None for any other."""
    key = (type(value).__module__, type(value).__qualname__)
    library = _BY_TYPE.get(key)
    return None if library is None else {f"${library.tag}": library.write(value, out)}


def _imported(module: str, source: Decoder) -> Any:
    return sys.modules.get(module) or source.fail(f"needs {module}, which this program has not imported. Import it")


def _write_configuration(value: Any, out: Encoder) -> Json:
    conf = sys.modules["omegaconf"].OmegaConf
    if value._metadata.object_type not in (dict, list):
        out.fail(
            "is a structured configuration of omegaconf. Save OmegaConf.create(OmegaConf.to_container(value)), which "
            "holds the same values"
        )
    content = conf.to_container(value, resolve=False)
    if value._get_parent() is not None and content != conf.to_container(value, resolve=True):
        out.fail(
            "is a part of a configuration and refers to the rest of it. Save "
            "OmegaConf.create(OmegaConf.to_container(value, resolve=True))"
        )
    return [out.value(content), out.value(value._metadata.flags)]


def _read_configuration(body: Json, source: Decoder) -> object:
    conf = _imported("omegaconf", source)
    if isinstance(body, list) and len(body) == 2:
        content, flags = map(source.value, body)
        if type(content) in (dict, list) and type(flags) in (dict, type(None)) and _is_plain([content, flags]):
            try:
                return conf.OmegaConf.create(content, flags=flags)
            except conf.errors.OmegaConfBaseException as error:
                source.fail(f"is not a configuration of omegaconf: {error}")
    return source.fail("is not a configuration of omegaconf")


_PLAIN: Final = (type(None), bool, int, float, str, bytes, PosixPath, WindowsPath)


def _is_plain(content: object) -> bool:
    """Whether there is nothing in it that a library could call: it makes a configuration of an object or a class."""
    if type(content) is dict:
        return all(_is_plain(key) and _is_plain(value) for key, value in content.items())
    if type(content) is list:
        return all(map(_is_plain, content))
    return type(content) in _PLAIN or (isinstance(content, Enum) and type(type(content)) is EnumMeta)


def _write_generator(value: torch.Generator, out: Encoder) -> Json:
    return [out.value(value.device), out.value(value.get_state())]


def _read_generator(body: Json, source: Decoder) -> torch.Generator:
    if isinstance(body, list) and len(body) == 2:
        device, state = map(source.value, body)
        if isinstance(device, torch.device) and isinstance(state, torch.Tensor):
            try:
                generator = torch.Generator(device)
                generator.set_state(state)
            except (RuntimeError, TypeError) as error:
                source.fail(f"is not the state of a generator of torch: {error}")
            return generator
    return source.fail("is not a generator of torch")


_BIT_GENERATORS: Final = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def _write_numpy(value: Any, out: Encoder) -> Json:
    source = value.bit_generator if type(value).__name__ == "Generator" else value._bit_generator
    if type(source).__name__ not in _BIT_GENERATORS:
        out.fail(f"draws from a {type(source).__name__}, which has no encoding. Save its state")
    gauss = value.get_state(legacy=False) if type(value).__name__ == "RandomState" else None
    return [type(value).__name__, type(source).__name__, out.value(gauss or source.state)]


def _read_numpy(body: Json, source: Decoder) -> object:
    random = _imported("numpy.random", source)
    match body:
        case ["Generator" | "RandomState" as kind, str(name), held] if name in _BIT_GENERATORS:
            state = source.value(held)
            if not _is_state(state):
                source.fail("is not the state of a generator of numpy")
            try:
                bits = getattr(random, name)()
                if kind == "Generator":
                    bits.state = state
                    return random.Generator(bits)
                made = random.RandomState(bits)
                made.set_state(state)
            except (LookupError, TypeError, ValueError, OverflowError) as error:
                source.fail(f"is not the state of a generator of numpy: {error}")
            return made
        case _:
            pass
    return source.fail("is not a generator of numpy")


def _is_state(state: object) -> bool:
    """Whether this is made of what numpy's states are made of; it does not look at all that it is given."""
    if not isinstance(state, dict):
        return type(state) in (int, float, str) or type(state) is sys.modules["numpy"].ndarray
    # places in a buffer are taken as they are, and a wrong one would be read beyond its end
    places = (state.get("pos", 0) in range(625), state.get("buffer_pos", 0) in range(5))
    return all(places) and all(type(name) is str and _is_state(part) for name, part in state.items())


def _write_frame(value: Any, out: Encoder) -> Json:
    columns = [_write_column(value.iloc[:, at], out) for at in range(value.shape[1])]
    return [_write_index(value.columns, out), _write_index(value.index, out), columns]


def _read_frame(body: Json, source: Decoder) -> object:
    pandas = _imported("pandas", source)
    match body:
        case [columns, index, list(values)]:
            names, rows = (_read_index(part, source) for part in (columns, index))
            parts = {at: _read_column(column, rows, None, source) for at, column in enumerate(values)}
            if len(parts) == len(names):
                frame = pandas.DataFrame(parts, index=rows)
                frame.columns = names
                return frame
        case _:
            pass
    return source.fail("is not a table of pandas")


def _write_series(value: Any, out: Encoder) -> Json:
    return [_write_name(value.name, out), _write_index(value.index, out), _write_column(value, out)]


def _read_series(body: Json, source: Decoder) -> object:
    if isinstance(body, list) and len(body) == 3:
        name, index = _read_name(body[0], source), _read_index(body[1], source)
        return _read_column(body[2], index, name, source)
    return source.fail("is not a series of pandas")


def _write_name(name: object, out: Encoder) -> Json:
    out.hashed += 1  # pandas uses it as a key
    node = out.value(name)
    out.hashed -= 1
    return node


def _read_name(node: Json, source: Decoder) -> object:
    source.hashed += 1
    name = source.value(node)
    source.hashed -= 1
    return name


def _write_index(index: Any, out: Encoder) -> Json:
    if type(index).__name__ == "MultiIndex":
        out.fail("has an index of several levels. Save value.reset_index()")
    if type(index).__name__ == "RangeIndex":
        return [_write_name(index.name, out), "range", out.value(range(index.start, index.stop, index.step))]
    return [_write_name(index.name, out), *_write_values(index, out)]


def _read_index(body: Json, source: Decoder) -> Any:
    pandas = _imported("pandas", source)
    match body:
        case [name, "range", values]:
            called, held = _read_name(name, source), source.value(values)
            if type(held) is range:
                return _made(lambda: pandas.RangeIndex(held, name=called), source)
        case [name, str(dtype), values]:
            called, held = _read_name(name, source), _read_values(dtype, values, source)
            return _made(lambda: pandas.Index(held, dtype=dtype, name=called, tupleize_cols=False), source)
        case _:
            pass
    return source.fail("is not an index of pandas")


def _write_column(column: Any, out: Encoder) -> Json:
    return _write_values(column, out)


def _read_column(body: Json, index: Any, name: object, source: Decoder) -> Any:
    pandas = _imported("pandas", source)
    match body:
        case [str(dtype), values]:
            held = _read_values(dtype, values, source)
            return _made(lambda: pandas.Series(held, index=index, dtype=dtype, name=name), source)
        case _:
            pass
    return source.fail("is not a column of pandas")


def _write_values(values: Any, out: Encoder) -> list[Json]:
    dtype = str(values.dtype)
    if values.dtype.kind in "biuf" and type(values.dtype).__module__.startswith("numpy"):
        return [dtype, out.value(values.to_numpy())]
    if dtype in ("object", "str", "string"):
        return [dtype, out.value([*values])]
    return out.fail(f"has values of the dtype {dtype}, which has no encoding. Save them as text or numbers")


def _read_values(dtype: str, node: Json, source: Decoder) -> Any:
    """An array that pandas takes as it is. It would ask objects for their numbers and texts otherwise."""
    numpy, held = _imported("numpy", source), source.value(node)
    if type(held) is numpy.ndarray and held.dtype.kind in "biuf" and str(held.dtype) == dtype:
        return held
    if type(held) is not list:
        source.fail("is not a column of pandas")
    texts = dtype in ("str", "string") and all(type(item) in (str, float, type(None)) for item in held)
    if not (texts or dtype == "object"):
        source.fail("is not a column of pandas")
    array = numpy.empty(len(held), dtype=object)
    for at, item in enumerate(held):  # one by one: numpy would look into a list in the list
        array[at] = item
    return array


def _made(make: Callable[[], Any], source: Decoder) -> Any:
    try:
        return make()
    except (TypeError, ValueError) as error:
        return source.fail(f"is not of pandas: {error}")


LIBRARIES: Final = (
    Library(
        "omegaconf",
        (("omegaconf.dictconfig", "DictConfig"), ("omegaconf.listconfig", "ListConfig")),
        _write_configuration,
        _read_configuration,
    ),
    Library("torch.Generator", (("torch._C", "Generator"), ("torch", "Generator")), _write_generator, _read_generator),
    Library(
        "numpy.random",
        (("numpy.random._generator", "Generator"), ("numpy.random.mtrand", "RandomState")),
        _write_numpy,
        _read_numpy,
    ),
    Library(
        "pandas.DataFrame", (("pandas.core.frame", "DataFrame"), ("pandas", "DataFrame")), _write_frame, _read_frame
    ),
    Library("pandas.Series", (("pandas.core.series", "Series"), ("pandas", "Series")), _write_series, _read_series),
)
_BY_TYPE: Final = {key: library for library in LIBRARIES for key in library.types}
