"""What a torch file describes as values that can be encoded, where all of it is known to be data; else an error."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NoReturn

from leyden.audit.fix.tensors import DTYPES
from leyden.errors import EncodeError
from leyden.wire.legacy.calls import CALLS
from leyden.wire.legacy.container import Saved
from leyden.wire.legacy.described import (
    Array,
    AttributeDict,
    Described,
    Device,
    Dtype,
    Parameter,
    Scalar,
    Size,
    Tensor,
    Version,
)
from leyden.wire.legacy.values import Reader
from leyden.wire.pickle.nodes import Value, kind_of


def to_values(saved: Saved) -> dict[Any, Any]:
    """The dictionary that a checkpoint's pickle describes."""
    tree = Reader(saved, CALLS, _make, _refuse, _fail).value(saved.root)
    if type(tree) is not dict and type(tree) is not OrderedDict:
        raise EncodeError(f"its root is a {kind_of(saved.root)} and no dictionary")
    if not all(type(key) is str for key in tree):
        raise EncodeError("its root is a dictionary with keys that are no text")
    return tree


def _make(described: Described, source: Reader) -> Described:
    match described:
        case Tensor() if described.requires_grad or described.conj or described.neg:
            return source.fail("is a tensor with a gradient or of a view that computes, which would be lost")
        case Tensor() | Dtype() if (described.dtype if isinstance(described, Tensor) else described.name) in DTYPES:
            return described
        case Parameter() | Size() | Device() | Version() | AttributeDict():
            return described
        case Array() | Scalar():
            return source.fail("is of numpy, which leyden convert writes")
        case _:
            return source.fail(f"is a {type(described).__name__.lower()}, which has no encoding")


def _refuse(value: Value, source: Reader) -> NoReturn:
    source.fail(f"is a {kind_of(value)}, which is not known to be data alone")


def _fail(path: str, problem: str) -> NoReturn:
    raise EncodeError(f"{path or 'the root'} {problem}")
