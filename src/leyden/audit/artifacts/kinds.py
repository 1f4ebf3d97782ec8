"""What a file is, by its content."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from enum import Enum
from typing import Final

from leyden.audit.artifacts import hdf5, onnx
from leyden.audit.artifacts.suffixes import may_be_pickle
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
    ZFILE = "zlib of joblib before 0.10"
    NPY = "numpy array"
    HDF5 = "HDF5"
    SAFETENSORS = "safetensors"
    ONNX = "ONNX"
    SEVEN_ZIP = "7z archive"
    RAR = "rar archive"
    ZSTD = "zstd"
    LZ4 = "lz4"
    LZIP = "lzip"
    LZO = "lzop"
    SNAPPY = "snappy"
    COMPRESS = "compress"
    CABINET = "cabinet archive"
    NATIVE = "native code"


_DOCUMENT: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # of older office programs: others' files lie in it as they are
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
    *((bytes([number]) + b"\x2a\x4d\x18", Kind.ZSTD) for number in range(0x50, 0x60)),  # a frame to be skipped first
    (b"\x04\x22\x4d\x18", Kind.LZ4),
    (b"\x02\x21\x4c\x18", Kind.LZ4),
    (b"LZIP\x01", Kind.LZIP),
    (b"\x89LZO\x00\r\n\x1a\n", Kind.LZO),
    (b"\xff\x06\x00\x00sNaPpY", Kind.SNAPPY),
    (b"\x1f\x9d\x90", Kind.COMPRESS),
    (b"MSCF\x00\x00\x00\x00", Kind.CABINET),
    (b"ZF0x", Kind.ZFILE),
    (b"\x7fELF", Kind.NATIVE),
    *(
        (magic, Kind.NATIVE)
        for word in (0xFEEDFACE, 0xFEEDFACF)
        for magic in (word.to_bytes(4, "big"), word.to_bytes(4, "little"))
    ),
    *(
        (b"\xca\xfe\xba" + last + bytes([0, 0, 0, count]), Kind.NATIVE)
        for last in (b"\xbe", b"\xbf")
        for count in range(1, 20)
    ),
)

_BY_FIRST_BYTE: Final[Mapping[int, list[tuple[bytes, Kind]]]] = {
    first: [(magic, kind) for magic, kind in _MAGIC if magic[0] == first] for first in {magic[0] for magic, _ in _MAGIC}
}
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


def identify(head: bytes, size: int, name: str) -> Kind | None:
    """What begins with ``head`` and has ``size`` bytes, if that can be told from these alone."""
    for magic, kind in _BY_FIRST_BYTE.get(head[0], ()) if head else ():
        if head.startswith(magic):
            return kind
    if len(head) >= 2 and head[0] == 0x80 and 1 <= head[1] <= 5:
        return Kind.PICKLE
    if is_windows_program(head, size):
        return Kind.NATIVE
    if is_tar(head):
        return Kind.TAR
    if is_zlib(head, expected=may_be_pickle(name)):
        return Kind.ZLIB
    if may_be_pickle(name) and is_lzma(head):
        return Kind.XZ
    if size >= 10 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= min(size, LARGEST_HEADER):
        return Kind.SAFETENSORS
    return None


def identify_file(file: File) -> Kind | None:
    """What a whole file is."""
    kind = identify(bytes(file.data[:HEAD]), len(file.data), file.name)
    if kind is None and onnx.looks_like_model(file.data):
        return Kind.ONNX
    if kind is None and bytes(file.data[: len(_DOCUMENT)]) != _DOCUMENT and zip_parts.ends_as_archive(file.data):
        return Kind.ZIP  # with something before it
    if kind is None and hdf5.start_of(file.data) is not None:
        return Kind.HDF5
    return kind


def is_tar(head: bytes) -> bool:
    """Whether the first header of a tar archive stands here: its checksum is right, as Python's tarfile reads it."""
    if len(head) < 512 or not (head[0] or head[345]):  # a name, or the beginning of one
        return False
    wanted = tar_number(head[148:156])
    if wanted is None or not 0 < wanted < 512 * 256:
        return False
    block = head[:148] + b" " * 8 + head[156:512]
    # Old archivers took bytes for signed.
    return wanted in (sum(block), sum(block) - 256 * sum(byte > 127 for byte in block))


def tar_number(field: bytes) -> int | None:
    """A number of a tar header, or None where there is none. What Python's ``int`` takes is a number to tarfile."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") - (256 ** (len(field) - 1) if field[0] == 0xFF else 0)
    digits = field.partition(b"\0")[0].strip()
    try:
        return int(digits or b"0", 8)
    except ValueError:
        return None


def is_zlib(head: bytes, *, expected: bool) -> bool:
    """Whether a zlib stream begins here. Its two bytes say little, so without a name for it they must be usual ones."""
    if len(head) < 8 or head[0] & 0x0F != 8 or head[0] >> 4 > 7 or (head[0] << 8 | head[1]) % 31 or head[1] & 0x20:
        return False
    if expected:
        return True
    if head[0] != 0x78:
        return False
    try:
        return bool(zlib.decompressobj().decompress(head, 16))
    except zlib.error:
        return False


def is_lzma(head: bytes) -> bool:
    """Whether a stream of lzma's first format begins here: what liblzma asks of its properties and its two sizes."""
    if len(head) < 14 or head[0] >= 225 or head[13]:
        return False
    window, size = int.from_bytes(head[1:5], "little"), int.from_bytes(head[5:13], "little")
    if window != 0xFFFFFFFF and (window == 0 or window & (window - 1) not in (0, 1 << window.bit_length() >> 2)):
        return False
    return size == (1 << 64) - 1 or 0 < size < 1 << 38


def is_windows_program(head: bytes, size: int) -> bool:
    """Whether a program or library of Windows begins here."""
    if head[:2] != b"MZ" or len(head) < 64:
        return False
    at = int.from_bytes(head[60:64], "little")
    return b"PE\0\0" in head or len(head) < at + 4 <= size
