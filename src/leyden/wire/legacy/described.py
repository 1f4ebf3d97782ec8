"""What a pickle of torch's describes beyond plain Python, as data: torch and numpy are not needed to say it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

# Bytes of one element, by the names that torch gives its types.
ITEM_BYTES: Final[Mapping[str, int]] = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "uint16": 2,
    "int16": 2,
    "uint32": 4,
    "int32": 4,
    "uint64": 8,
    "int64": 8,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2fnuz": 1,
    "float8_e8m0fnu": 1,
    "float4_e2m1fn_x2": 1,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex32": 4,
    "complex64": 8,
    "complex128": 16,
    "bits1x8": 1,
    "bits2x4": 1,
    "bits4x2": 1,
    "bits8": 1,
    "bits16": 2,
}
# The type of the elements that each class of storages is for.
STORAGES: Final[Mapping[str, str]] = {
    "BFloat16Storage": "bfloat16",
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "ShortStorage": "int16",
}


@final
@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of a storage."""

    storage: str
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int  # in elements
    requires_grad: bool = False
    conj: bool = False  # its elements are the conjugates of what is stored
    neg: bool = False  # or the negatives

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return ITEM_BYTES[self.dtype]


@final
@dataclass(frozen=True, eq=False)
class Parameter:
    """A tensor that is trained, as a rule."""

    data: Any  # as it was made of a Tensor
    requires_grad: bool


@final
@dataclass(frozen=True, eq=False)
class Attributed:
    """A tensor or a parameter on which the program has set attributes."""

    data: Any
    attributes: Mapping[str, Any]


@final
@dataclass(frozen=True, eq=False)
class Sparse:
    """A tensor of which only some elements are stored; ``parts`` are those of its layout, and its shape at the end."""

    layout: str
    parts: tuple[Any, ...]
    coalesced: bool


@final
@dataclass(frozen=True, eq=False)
class Meta:
    """A tensor without memory."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool


@final
@dataclass(frozen=True)
class Bare:
    """A storage without a tensor; ``dtype`` None: of bytes."""

    storage: str
    dtype: str | None


@final
@dataclass(frozen=True)
class Dtype:
    """The type of a tensor's elements as a value of its own."""

    name: str


@final
@dataclass(frozen=True)
class Layout:
    """The layout of a tensor as a value of its own."""

    name: str


@final
@dataclass(frozen=True)
class Device:
    """A device, such as ``cuda:0``."""

    name: str


@final
@dataclass(frozen=True)
class Version:
    """A version of torch."""

    text: str


@final
@dataclass(frozen=True)
class Size:
    """The shape of a tensor as a value of its own."""

    lengths: tuple[int, ...]


@final
@dataclass(frozen=True)
class NumpyDtype:
    """A type of numpy's elements, as its ``dtype.str``."""

    text: str


@final
@dataclass(frozen=True, eq=False)
class Array:
    """An array of numpy's: its elements in row-major order, or in column-major if ``fortran``."""

    dtype: str
    shape: tuple[int, ...]
    fortran: bool
    content: bytes


@final
@dataclass(frozen=True, eq=False)
class Scalar:
    """A scalar of numpy's."""

    dtype: str
    content: bytes


class AttributeDict(dict[str, object]):
    """Lightning's dictionary of hyperparameters."""


Described: TypeAlias = (
    "Tensor | Parameter | Attributed | Sparse | Meta | Bare | Dtype | Layout | Device | Version | Size | NumpyDtype"
    " | Array | Scalar | AttributeDict"
)
