"""Model files: each is read as what it is by its content, whatever its name says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from leyden.audit.artifacts import kinds, unpack
from leyden.audit.artifacts.hdf5 import read_hdf5
from leyden.audit.artifacts.index import read_index
from leyden.audit.artifacts.kinds import Kind, identify_file
from leyden.audit.artifacts.numpy_files import read_npy
from leyden.audit.artifacts.onnx import read_onnx
from leyden.audit.artifacts.streams import maybe_pickle, read_pickles
from leyden.audit.artifacts.suffixes import PACKED, is_data_name, is_model_name, may_be_pickle, suffix
from leyden.audit.artifacts.tars import read_tar
from leyden.audit.artifacts.tensors import read_safetensors
from leyden.audit.artifacts.zips import read_zip
from leyden.audit.finding import File, Record, Source
from leyden.audit.rules.artifacts import ARTIFACTS, MISLABELLED, OPAQUE, TRAILING, UNKNOWN_FORMAT
from leyden.audit.rules.engine import DAMAGED
from leyden.wire.inflate import Unpacked
from leyden.wire.zip_parts import end_of

_LARGEST_TEXT: Final = 1 << 20
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x80-\x9f]")
_ZFILE_HEADER: Final = 21  # "ZF", and the size as text; Python 2 wrote one space more
_UNPACKERS: Final[dict[Kind, Callable[[File], Unpacked]]] = {
    Kind.GZIP: lambda file: unpack.ungzip(file.data, file.budget),
    Kind.ZLIB: lambda file: unpack.unzlib(file.data, file.budget),
    Kind.ZFILE: lambda file: unpack.unzlib(_after_size(file.data), file.budget),
    Kind.BZIP2: lambda file: unpack.unbzip2(file.data, file.budget),
    Kind.XZ: lambda file: unpack.unxz(file.data, file.budget),
}
_CERTAIN: Final = frozenset((Kind.GZIP, Kind.XZ, Kind.BZIP2))  # by their first bytes alone


def read_artifact(file: File) -> Iterator[Record]:
    """Everything that is wrong with one file, if it is a model file or an archive."""
    if not len(file.data):
        return
    kind = identify_file(file)
    yield from _mislabelled(file, kind)
    match kind:
        case Kind.PICKLE:
            yield from _read_pickle(file)
        case Kind.ZIP:
            yield from read_zip(file, read_artifact)
        case Kind.TAR:
            yield from read_tar(file, read_artifact)
        case Kind.NPY:
            yield from read_npy(file)
        case Kind.HDF5:
            yield from read_hdf5(file)
        case Kind.SAFETENSORS:
            yield from read_safetensors(file)
        case Kind.ONNX:
            yield from read_onnx(file)
        case Kind.GZIP | Kind.BZIP2 | Kind.XZ | Kind.ZLIB | Kind.ZFILE:
            yield from _read_compressed(file, kind)
        case (
            Kind.SEVEN_ZIP
            | Kind.RAR
            | Kind.ZSTD
            | Kind.LZ4
            | Kind.LZIP
            | Kind.LZO
            | Kind.SNAPPY
            | Kind.COMPRESS
            | Kind.CABINET
        ):
            if not is_data_name(file.name):
                yield OPAQUE.at(
                    file.place, f"It is a file of {kind.value}, which cannot be looked into.", key=kind.value
                )
        case Kind.NATIVE | None:
            yield from _read_unknown(file)


def _read_pickle(file: File) -> Iterator[Record]:
    yield from read_pickles(file)
    if (end := end_of(file.data)) is not None and end + 22 == len(file.data):
        yield TRAILING.at(
            file.place, "A zip archive stands at the end of the pickle.", severity=TRAILING.severity, key="zip"
        )
        yield from read_zip(file, read_artifact)


def _read_unknown(file: File) -> Iterator[Record]:
    pickle = maybe_pickle(file, expected=may_be_pickle(file.name))
    if pickle is not None:
        yield from _mislabelled(file, Kind.PICKLE)
        yield from read_pickles(file, pickle)
    elif _is_text(file.data):
        yield from read_index(file)
    elif is_model_name(file.name):
        kind = "GGUF" if bytes(file.data[:4]) == b"GGUF" else ""
        what = f"a format that is not looked into ({kind})" if kind else "no format that is known"
        yield UNKNOWN_FORMAT.at(file.place, f"It has {len(file.data):,} bytes of {what}.", key=kind or "unknown")
    elif suffix(file.name) in PACKED:
        message = f"It is called {suffix(file.name)}, and its content is of no kind that can be unpacked."
        yield OPAQUE.at(file.place, message, key="unknown")


def _mislabelled(file: File, kind: Kind | None) -> Iterator[Record]:
    """A name that promises a format over a content of another."""
    if kind is None:
        return
    end = suffix(file.name)
    promised = kinds.PROMISES.get(end)
    if (promised is not None and kind not in promised) or (is_data_name(file.name) and kind is Kind.PICKLE):
        yield MISLABELLED.at(file.place, f"It is called {end}, and its content is a {kind.value}.", key=kind.value)


def _read_compressed(file: File, kind: Kind) -> Iterator[Record]:
    name = file.name
    bare = name[: -len(suffix(name))] if suffix(name) in (".gz", ".bz2", ".xz", ".z", ".lzma", ".zlib") else name
    unpacked = _UNPACKERS[kind](file)
    if unpacked.content:
        yield from read_artifact(file.member(bare or kind.value, memoryview(unpacked.content)))
    model = is_model_name(name) or may_be_pickle(name) or suffix(name) in PACKED
    if unpacked.problem and (model or kind in _CERTAIN):
        yield DAMAGED.at(file.place, f"It cannot be unpacked to its end: {unpacked.problem}.", key=kind.value)
    if unpacked.rest and (model or not unpacked.problem):
        yield TRAILING.at(file.place, f"{unpacked.rest:,} bytes follow the compressed data.", key="bytes")


def _after_size(data: memoryview) -> memoryview:
    """The zlib stream of a file of joblib before 0.10."""
    rest = data[_ZFILE_HEADER:]
    return rest[1:] if bytes(rest[:1]) == b" " else rest


def _is_text(data: memoryview) -> bool:
    """Whether people could read it: pages and notes of large-file storage that stand where a model will be."""
    if len(data) > _LARGEST_TEXT:
        return False
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError:
        text = str(data, "latin-1")
    return _CONTROL.search(text) is None


SOURCE: Final = Source("artifacts", read_artifact, ARTIFACTS)
