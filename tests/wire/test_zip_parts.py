import io
import struct
import zipfile

import pytest
from benchmarks.audit.making import raw_zip, torch_zip, zipped

from leyden.errors import FormatError
from leyden.wire import zip_parts

TWO = zipped([("a", b"first"), ("b", b"second")])


def parsed(content):
    data = memoryview(content)
    end = zip_parts.end_of(data)
    return zip_parts.parse(data, end)


def test_members_lie_where_the_archive_says():
    archive = parsed(TWO)
    assert [(m.name, TWO[m.start : m.start + m.packed]) for m in archive.members] == [("a", b"first"), ("b", b"second")]
    assert not archive.oddities


def test_what_the_standard_library_writes_to_a_pipe_is_in_order():
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.content = b""

        def writable(self):
            return True

        def write(self, data):
            self.content += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"text " * 99)
        archive.writestr("b.txt", b"")
    assert not parsed(pipe.content).oddities


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (raw_zip([("a", "b", b"x", 0)]), "is called 'a' in its own header"),
        (raw_zip([("a", "a", b"x", 0)], count=2), "its end record says 2 members"),
        (raw_zip([("a", "a", b"x", 0), ("b", "b", b"y", 0)], hidden=frozenset("a")), "its directory does not name"),
        (raw_zip([("a", "a", b"x", 0)], comment=b"note"), "a comment of 4 bytes"),
        (raw_zip([("a", "a", b"x", 0)], version=90), "needs version 90"),
        (TWO + b"junk", "goes on for 4 bytes"),
        (TWO[:-18] + b"\1\0" + TWO[-16:], "one of several parts"),
    ],
)
def test_each_disagreement_is_an_oddity(content, said):
    assert any(said in oddity.text for oddity in parsed(content).oddities)


def test_a_file_cut_anywhere_has_no_end_or_is_odd():
    for length in range(len(TWO)):
        data = memoryview(TWO[:length])
        end = zip_parts.end_of(data)
        if end is not None:
            assert parsed(TWO[:length]).oddities


def test_a_directory_larger_than_the_file_is_refused():
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, 1 << 30, 0, 0)
    with pytest.raises(FormatError, match="does not fit"):
        parsed(b"PK\3\4" + end)


def test_an_archive_is_found_behind_anything():
    assert zip_parts.ends_as_archive(memoryview(b"#!/bin/sh\n" + TWO))
    assert zip_parts.ends_as_archive(memoryview(b"junk" + torch_zip() + b"junk"))
    assert not zip_parts.ends_as_archive(memoryview(b"the words PK\5\6 in a text that goes on and on and on"))


def test_a_symbolic_link_of_unix_is_known():
    content = bytearray(zipped([("a", b"/etc")]))
    entry = content.index(b"PK\1\2")
    content[entry + 5], content[entry + 38 : entry + 42] = 3, struct.pack("<I", 0xA1FF0000)
    assert parsed(bytes(content)).members[0].link
    assert not parsed(TWO).members[0].link
