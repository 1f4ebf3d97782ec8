import bz2
import gzip
import lzma
import zlib

import pytest

from leyden.audit.artifacts import unpack
from leyden.audit.finding import Budget, LimitError, Limits
from leyden.errors import FormatError

TEXT = b"a text that is packed " * 40
KINDS = {
    "gzip": (gzip.compress, unpack.ungzip),
    "zlib": (zlib.compress, unpack.unzlib),
    "bzip2": (bz2.compress, unpack.unbzip2),
    "xz": (lzma.compress, unpack.unxz),
    "lzma": (lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE), unpack.unxz),
}
CHAINED = ("gzip", "bzip2", "xz")


def budget(inflated=1 << 20):
    return Budget(Limits(seconds=20, inflated=inflated))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_packed_comes_out(kind):
    pack, read = KINDS[kind]
    unpacked = read(memoryview(pack(TEXT)), budget())
    assert (unpacked.content, unpacked.rest, unpacked.problem) == (TEXT, 0, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_gives_what_came_before_and_says_why_no_more(kind):
    pack, read = KINDS[kind]
    packed = pack(TEXT)
    for length in range(4, len(packed)):
        unpacked = read(memoryview(packed[:length]), budget())
        assert TEXT.startswith(unpacked.content)
        assert unpacked.problem


@pytest.mark.parametrize("kind", CHAINED)
def test_streams_in_a_row_are_one_text_with_zeros_between_them(kind):
    pack, read = KINDS[kind]
    unpacked = read(memoryview(pack(TEXT) + bytes(8) + pack(b"more")), budget())
    assert (unpacked.content, unpacked.rest) == (TEXT + b"more", 0)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_follow_are_counted(kind):
    pack, read = KINDS[kind]
    assert read(memoryview(pack(TEXT) + b"junk"), budget()).rest == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_ends_at_the_limit(kind):
    pack, read = KINDS[kind]
    with pytest.raises(LimitError, match="over 1,048,576 bytes"):
        read(memoryview(pack(bytes(8 << 20))), budget())


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_damage_in_the_middle_is_a_problem_and_no_error(kind):
    pack, read = KINDS[kind]
    packed = bytearray(pack(TEXT))
    packed[len(packed) // 2] ^= 0xFF
    assert "damaged" in read(memoryview(packed), budget()).problem


def test_the_head_of_a_member_can_be_taken_from_what_is_cut():
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = machine.compress(TEXT) + machine.flush()
    assert unpack.inflate(memoryview(packed), budget(), 10) == TEXT[:10]
    with pytest.raises(FormatError, match="too early"):
        unpack.inflate(memoryview(packed[:-3]), budget())
