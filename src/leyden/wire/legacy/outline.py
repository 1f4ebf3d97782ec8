"""What a file of torch.save holds, without its storages: its tree, with a note for each tensor and object."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NoReturn, final

from leyden.errors import FormatError
from leyden.wire.legacy import described as form
from leyden.wire.legacy.calls import CALLS
from leyden.wire.legacy.container import Saved
from leyden.wire.legacy.values import Reader
from leyden.wire.outline import Other, Stored
from leyden.wire.pickle.nodes import Global, Object, Value, kind_of


@final
@dataclass
class Outline:
    """The tree, its tensors by their paths, and the names of what is not known to be data, with their first places."""

    tree: Any = None
    tensors: dict[str, Stored] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)


def outline_of(saved: Saved, where: str) -> Outline:
    """The outline of a file; FormatError where its pickle cannot be read."""
    found = Outline()

    def make(described: form.Described, source: Reader) -> Any:
        path = ".".join(source.path)
        note = _note(described)
        if isinstance(described, (form.Tensor, form.Meta)) and isinstance(note, Stored):
            found.tensors.setdefault(path, note)
        return note

    def outside(value: Value, source: Reader) -> Other:
        callee = value.callee if isinstance(value, Object) else value
        name = kind_of(callee) if isinstance(callee, Global) else kind_of(value)
        found.objects.setdefault(name, ".".join(source.path) or "the root")
        return Other("object", name)

    def fail(path: str, problem: str) -> NoReturn:
        raise FormatError(f"{where}: {path[:500] or 'the root'} {problem}.")

    found.tree = Reader(saved, CALLS, make, outside, fail).value(saved.root)
    return found


def _note(described: form.Described) -> Any:
    match described:
        case form.Tensor(_, dtype, shape):
            return Stored("", dtype, shape, described.numel * described.itemsize)
        case form.Meta(dtype, shape):
            return Stored("", dtype, shape, 0)
        case form.Parameter(data) | form.Attributed(data):
            return data
        case form.Sparse(layout, parts):
            return Other(layout, str(list(parts[-1])))
        case form.Bare(key):
            return Other("storage", key)
        case form.Size(lengths):
            return list(lengths)
        case form.Version(text):
            return text
        case form.Array(dtype, shape):
            return Stored("", f"numpy {dtype}", shape, math.prod(shape) and len(described.content))
        case form.Dtype(name) | form.Layout(name) | form.Device(name):
            return Other(type(described).__name__.lower(), name)
        case form.NumpyDtype(text) | form.Scalar(text):
            return Other("numpy", text)
        case form.AttributeDict():
            return dict(described)
