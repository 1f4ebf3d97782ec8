"""The storages that torch's pickles refer to: their keys, types and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, final

from leyden.wire.pickle.nodes import Global, Persistent, Value, walk

ELEMENT_BYTES: Final[Mapping[str, int]] = {
    "BFloat16Storage": 2,
    "BoolStorage": 1,
    "ByteStorage": 1,
    "CharStorage": 1,
    "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8,
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "IntStorage": 4,
    "LongStorage": 8,
    "QInt32Storage": 4,
    "QInt8Storage": 1,
    "QUInt2x4Storage": 1,
    "QUInt4x2Storage": 1,
    "QUInt8Storage": 1,
    "ShortStorage": 2,
    "UntypedStorage": 1,
}
_MODULES: Final = ("torch", "torch.cuda", "torch.storage")


@final
@dataclass(frozen=True, slots=True)
class Storage:
    """A storage as a persistent identity describes it."""

    kind: str  # "FloatStorage"
    key: str
    location: str  # "cpu", "cuda:0"
    numel: int

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.numel * ELEMENT_BYTES[self.kind]


def storage_of(value: Persistent) -> Storage | None:
    """The storage that a persistent identity describes, or None where it is something else."""
    identity = value.identity
    if type(identity) is not tuple or len(identity) < 5 or identity[0] != "storage":
        return None
    kind, key, location, numel = identity[1:5]
    if not (isinstance(kind, Global) and kind.module in _MODULES and kind.name in ELEMENT_BYTES):
        return None
    if type(key) is not str or type(location) is not str or type(numel) is not int or numel < 0:
        return None
    return Storage(kind.name, key, location, numel)


def storages(root: Value) -> Iterator[Storage]:
    """Every storage that a value refers to, once for each reference."""
    for value in walk(root):
        if isinstance(value, Persistent) and (storage := storage_of(value)) is not None:
            yield storage
