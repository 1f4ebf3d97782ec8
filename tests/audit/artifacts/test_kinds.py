import lzma
import struct
import zlib

import pytest
from benchmarks.audit.making import HARMLESS, npy, onnx, safetensors, tarred, torch_zip
from tests.audit.artifacts.reading import opened

from leyden.audit.artifacts import kinds
from leyden.audit.artifacts.kinds import Kind, identify_file

TAR = tarred([("a.txt", b"text")])
PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (HARMLESS, Kind.PICKLE), (torch_zip(), Kind.ZIP), (b"junk" + torch_zip(), Kind.ZIP), (TAR, Kind.TAR),
        (npy(b"", "<f8", (0,)), Kind.NPY), (safetensors(b"{}"), Kind.SAFETENSORS), (onnx(None), Kind.ONNX),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), Kind.HDF5), (bytes(1024) + b"\x89HDF\r\n\x1a\n", Kind.HDF5),
        (zlib.compress(HARMLESS), Kind.ZLIB), (lzma.compress(HARMLESS), Kind.XZ), (b"7z\xbc\xaf\x27\x1c",
        Kind.SEVEN_ZIP),
        (b"\x55\x2a\x4d\x18", Kind.ZSTD), (b"ZF0x1f", Kind.ZFILE), (b"\xce\xfa\xed\xfe", Kind.NATIVE), (PROGRAM,
        Kind.NATIVE),
    ],
)  # fmt: skip
def test_content_is_known_whatever_it_is_called(content, kind):
    assert identify_file(opened(content, "picture.png")) is kind
    assert identify_file(opened(content, "model.pt")) is kind


@pytest.mark.parametrize(
    "content",
    [b"", b"P", b"text", b"MZ is a name", b"BZ", bytes(600), b"x\x9c no stream", b"(list)", b"\x08\x01 text: protocol"],
)
def test_what_only_looks_like_a_kind_is_none(content):
    assert identify_file(opened(content, "notes")) is None


@pytest.mark.parametrize("style", ["%06o\0 ", " %o", "0_%o", "+%o", "0o%o", "binary"])
def test_a_checksum_counts_as_tarfile_reads_it(style):
    head = bytearray(TAR[:512])
    head[148:156] = b" " * 8
    total = sum(head)
    field = b"\x80" + total.to_bytes(7, "big") if style == "binary" else (style % total).encode()
    head[148:156] = field.ljust(8, b"\0")
    assert kinds.is_tar(bytes(head))
    head[0] ^= 1
    assert not kinds.is_tar(bytes(head))


def test_the_first_format_of_lzma_is_told_by_what_its_decoder_asks_for():
    packed = lzma.compress(HARMLESS, format=lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 4096}])
    assert kinds.is_lzma(packed)
    assert not kinds.is_lzma(bytes(20))
    assert not kinds.is_lzma(bytes([0, 1, *[0] * 20]))
    assert not kinds.is_lzma(packed[:5] + bytes(8) + packed[13:])


def test_any_beginning_of_any_kind_is_no_error():
    for content in (
        HARMLESS,
        torch_zip(),
        TAR[:600],
        npy(b""),
        onnx("a"),
        PROGRAM,
        lzma.compress(b"a"),
        zlib.compress(b"a"),
    ):
        for length in range(len(content)):
            kind = identify_file(opened(content[:length], "model.pkl"))
            assert kind is None or isinstance(kind, Kind)
