"""What a file is, by its content."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from leyden.audit.artifacts import onnx
from leyden.audit.finding import File
from leyden.wire import zip_parts
from leyden.wire.safetensors import LARGEST_HEADER

HEAD: Final = 4096  # bytes that are enough to tell


class Kind(Enum):
    """A format that a reader exists for, or that is known to have none."""

    PICKLE = "pickle"
    ZIP = "zip archive"
    TAR = "tar archive"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZLIB = "zlib"
    NPY = "numpy array"
    HDF5 = "HDF5"
    SAFETENSORS = "safetensors"
    ONNX = "ONNX"
    SEVEN_ZIP = "7z archive"
    RAR = "rar archive"
    ZSTD = "zstd"
    LZ4 = "lz4"
    NATIVE = "native code"


_MAGIC: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"\x1f\x8b", Kind.GZIP),
    (b"BZh", Kind.BZIP2),
    (b"\xfd7zXZ\0", Kind.XZ),
    (b"\x93NUMPY", Kind.NPY),
    (b"\x89HDF\r\n\x1a\n", Kind.HDF5),
    (b"7z\xbc\xaf\x27\x1c", Kind.SEVEN_ZIP),
    (b"Rar!\x1a\x07", Kind.RAR),
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"\x04\x22\x4d\x18", Kind.LZ4),
    (b"\x7fELF", Kind.NATIVE),
    (b"\xcf\xfa\xed\xfe", Kind.NATIVE),
    (b"\xca\xfe\xba\xbe\x00\x00\x00\x02", Kind.NATIVE),
)
_ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_LZMA: Final = b"\x5d\x00\x00"

PICKLES: Final = frozenset((".pkl", ".pickle", ".p", ".pk", ".joblib", ".dill", ".cloudpickle"))
TORCH: Final = frozenset((".pt", ".pth", ".ckpt", ".pt2", ".ptl", ".mar", ".distcp"))
LOOSE: Final = frozenset((".sav", ".bin", ".model", ".dat", ".data", ".z", ".tar", ".t7", ".weights", ".metadata"))
# What a name promises; a pickle under one of these names is there to pass for something else.
PROMISES: Final[Mapping[str, frozenset[Kind]]] = {
    ".safetensors": frozenset((Kind.SAFETENSORS,)),
    ".npy": frozenset((Kind.NPY,)),
    ".npz": frozenset((Kind.ZIP,)),
    ".onnx": frozenset((Kind.ONNX,)),
    ".keras": frozenset((Kind.ZIP,)),
    ".h5": frozenset((Kind.HDF5,)),
    ".hdf5": frozenset((Kind.HDF5,)),
    ".gguf": frozenset(),
}
_DATA: Final = frozenset((
    ".txt", ".md", ".rst", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".csv", ".tsv", ".xml", ".html", ".css",
    ".js", ".py", ".ipynb", ".ini", ".cfg", ".log", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".svg",
    ".pdf", ".wav", ".mp3", ".mp4",
))  # fmt: skip


def suffix(name: str) -> str:
    """The suffix of a name in lower case, with its dot; the whole of a name such as ``.metadata``."""
    stem, dot, last = name.rpartition(".")
    return dot + last if dot and "/" not in last and (stem or last == "metadata") else ""


def is_model_name(name: str) -> bool:
    """Whether programs that load models would load a file of this name."""
    return (end := suffix(name)) in PICKLES or end in TORCH or end in PROMISES


def may_be_pickle(name: str) -> bool:
    """Whether a file of this name may be a pickle without any sign of it at its beginning."""
    return (end := suffix(name)) in PICKLES or end in TORCH or end in LOOSE


def is_data_name(name: str) -> bool:
    """Whether a file of this name is text or a picture, and no program's model."""
    return suffix(name) in _DATA


def identify(head: bytes, size: int, name: str) -> Kind | None:
    """What begins with ``head`` and has ``size`` bytes, if that can be told from these alone."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if len(head) >= 2 and head[0] == 0x80 and 1 <= head[1] <= 5:
        return Kind.PICKLE
    if head[:2] == b"MZ" and b"PE\0\0" in head:
        return Kind.NATIVE
    if is_tar(head):
        return Kind.TAR
    if head[:2] in _ZLIB and may_be_pickle(name):
        return Kind.ZLIB
    if head[:3] == _LZMA and may_be_pickle(name):
        return Kind.XZ
    if size >= 10 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= min(size, LARGEST_HEADER):
        return Kind.SAFETENSORS
    return None


def identify_file(file: File) -> Kind | None:
    """What a whole file is."""
    kind = identify(bytes(file.data[:HEAD]), len(file.data), file.name)
    if kind is None and onnx.looks_like_model(file.data):
        return Kind.ONNX
    if kind is None and zip_parts.end_of(file.data) == len(file.data) - 22 and len(file.data) > 22:
        return Kind.ZIP  # with something before it
    return kind


def is_tar(head: bytes) -> bool:
    """Whether the first header of a tar archive stands here: its checksum is right."""
    if len(head) < 512 or not head[0]:
        return False
    digits = head[148:156].strip(b" \0")
    if not digits or not digits.isdigit() or len(digits) > 7:
        return False
    try:
        wanted = int(digits, 8)
    except ValueError:
        return False
    return sum(head[:148]) + sum(head[156:512]) + 8 * ord(" ") == wanted
