"""The parts of a zip archive as they lie in the file: its end, its directory, and the header before each member.

Three kinds of readers matter, and they differ: miniz, which torch uses, Python's zipfile, and those that walk from
header to header. What they would disagree about is an oddity here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final, final

from leyden.errors import FormatError

LOCAL: Final = b"PK\x03\x04"
CENTRAL: Final = b"PK\x01\x02"
END: Final = b"PK\x05\x06"
_END64: Final = b"PK\x06\x06"
_LOCATOR: Final = b"PK\x06\x07"
_DESCRIPTOR: Final = b"PK\x07\x08"
_END_SIZE: Final = 22
_LONGEST_COMMENT: Final = 0xFFFF
MOST_MEMBERS: Final = 500_000
_FULL16: Final = 0xFFFF
_FULL32: Final = 0xFFFFFFFF
ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_DESCRIBED: Final = 0x8  # sizes and checksum follow the data
_USUAL_FLAGS: Final = 0x8 | 0x800 | 0x6  # described, UTF-8, and how hard it was compressed
_DIRECTORY: Final = 0x10  # an attribute of DOS
_UNIX: Final = 3
_SYMLINK: Final = 0o12


@final
@dataclass(slots=True)
class Member:
    """One member, by the directory."""

    name: str
    method: int
    flags: int
    crc: int
    packed: int  # bytes in the file
    size: int  # bytes when unpacked
    header: int  # where its local header begins
    start: int = 0  # where its data begins
    link: bool = False  # a symbolic link, for programs of Unix


@final
@dataclass(slots=True)
class Oddity:
    """Something about an archive that its readers would see differently."""

    grave: bool
    at: int
    text: str


@final
@dataclass(slots=True)
class Archive:
    """All of a zip archive but the members' contents."""

    members: list[Member] = field(default_factory=list)
    oddities: list[Oddity] = field(default_factory=list)
    prefix: int = 0  # bytes before it
    end: int = 0  # the first byte after it

    def odd(self, at: int, text: str, *, grave: bool = False) -> None:
        """Note an oddity; a grave one is a contradiction."""
        if len(self.oddities) < 200:
            self.oddities.append(Oddity(grave, at, text))


def end_of(data: memoryview) -> int | None:
    """Where the end record of an archive lies that ends this file, or None."""
    start = max(0, len(data) - _END_SIZE - _LONGEST_COMMENT)
    at = bytes(data[start:]).rfind(END, 0, max(0, len(data) - start - _END_SIZE + len(END)))
    return None if at < 0 else start + at


def ends_as_archive(data: memoryview) -> bool:
    """Whether an archive ends this file, whatever it begins with: its directory lies where the end record says."""
    at = end_of(data)
    if at is None:
        return False
    size = int.from_bytes(data[at + 12 : at + 16], "little")
    here = at
    if at >= 76 and bytes(data[at - 20 : at - 16]) == _LOCATOR and bytes(data[at - 76 : at - 72]) == _END64:
        here, size = at - 76, int.from_bytes(data[at - 36 : at - 28], "little")
    return at + _END_SIZE == len(data) or (0 < size <= here and bytes(data[here - size : here - size + 4]) == CENTRAL)


def parse(data: memoryview, end_record: int) -> Archive:
    """The archive whose end record lies at ``end_record``; FormatError where it has no directory that can be read."""
    archive = Archive()
    count, size, offset, directory_end = _end(data, end_record, archive)
    archive.prefix = directory_end - size - offset
    if archive.prefix < 0 or count > MOST_MEMBERS:
        raise FormatError(f"the zip directory of {count:,} entries and {size:,} bytes does not fit into the file")
    _directory(data, archive, offset + archive.prefix, size, count)
    for member in archive.members:
        member.header += archive.prefix
        _local(data, archive, member)
    _layout(data, archive, directory_end - size)
    return archive


def _end(data: memoryview, at: int, archive: Archive) -> tuple[int, int, int, int]:
    """Number of members, size and offset of the directory, and where the directory must end."""
    disk, start_disk, here, count, size, offset, comment = struct.unpack_from("<HHHHIIH", data, at + 4)
    archive.end = at + _END_SIZE + comment
    if comment:
        archive.odd(at, f"a comment of {comment:,} bytes")
    if archive.end != len(data):
        archive.odd(at, f"the file goes on for {len(data) - archive.end:,} bytes after the archive", grave=True)
    if disk or start_disk or here != count:
        archive.odd(at, "it says that it is one of several parts", grave=True)
    if at < 20 or bytes(data[at - 20 : at - 16]) != _LOCATOR:
        if count == _FULL16 or _FULL32 in (size, offset):
            archive.odd(at, "it needs a zip64 record and has none", grave=True)
        return count, size, offset, at
    record = int.from_bytes(data[at - 12 : at - 4], "little")
    found = at - 20 - 56
    if found < 0 or bytes(data[found : found + 4]) != _END64:
        archive.odd(at, "its zip64 record is not where it should be", grave=True)
        return count, size, offset, at
    disks = (*struct.unpack_from("<II", data, found + 16), *struct.unpack_from("<I", data, at - 16))
    if any(disks) or int.from_bytes(data[at - 4 : at], "little") > 1:
        archive.odd(at, "it says that it is one of several parts", grave=True)
    here64, count64, size64, offset64 = struct.unpack_from("<QQQQ", data, found + 24)
    narrow = ((count, _FULL16, count64), (size, _FULL32, size64), (offset, _FULL32, offset64))
    if any(value not in (full, wide) for value, full, wide in narrow) or here64 != count64:
        archive.odd(at, "its zip64 record contradicts its end record", grave=True)
    if record + (found - size64 - offset64) != found:
        archive.odd(at, "the place of its zip64 record is wrong", grave=True)
    return count64, size64, offset64, found


def _directory(data: memoryview, archive: Archive, at: int, size: int, count: int) -> None:
    end = at + size
    first = at
    while at < end:
        if at + 46 > end or bytes(data[at : at + 4]) != CENTRAL:
            archive.odd(at, "its directory holds what is not an entry", grave=True)
            break
        (
            _,
            made,
            need,
            flags,
            method,
            _,
            crc,
            packed,
            unpacked,
            name_size,
            extra_size,
            comment_size,
            disk,
            _,
            attributes,
            header,
        ) = struct.unpack_from("<IHHHHIIIIHHHHHII", data, at)
        name = bytes(data[at + 46 : at + 46 + name_size])
        extra = bytes(data[at + 46 + name_size : at + 46 + name_size + extra_size])
        member = Member(_name(name, flags), method, flags, crc, packed, unpacked, header)
        member.link = made >> 8 == _UNIX and attributes >> 28 == _SYMLINK
        _widen(member, extra)
        if comment_size:
            archive.odd(at, f"member {member.name[:80]!r} has a comment")
        if disk not in (0, _FULL16) or b"\0" in name:
            archive.odd(at, f"member {member.name[:80]!r} has an impossible entry", grave=True)
        if attributes & _DIRECTORY and not name.endswith(b"/"):
            archive.odd(
                at, f"member {member.name[:80]!r} says that it is a directory, which some do not read", grave=True
            )
        if (made & 0xFF) > 63 or (need & 0xFF) > 63:
            archive.odd(at, f"member {member.name[:80]!r} needs version {need & 0xFF} of zip, which there is not")
        if flags & ~_USUAL_FLAGS & ~ENCRYPTED:
            archive.odd(at, f"member {member.name[:80]!r} has unusual flags {flags:#06x}")
        archive.members.append(member)
        if len(archive.members) > MOST_MEMBERS:
            raise FormatError(f"the zip directory has over {MOST_MEMBERS:,} entries, the limit")
        at += 46 + name_size + extra_size + comment_size
    if len(archive.members) != count or (at != end and at < len(data)):
        archive.odd(
            first, f"its end record says {count:,} members, and its directory has {len(archive.members):,}", grave=True
        )


def _name(name: bytes, flags: int) -> str:
    return name.decode("utf-8", "backslashreplace") if flags & 0x800 or name.isascii() else name.decode("cp437")


def _widen(member: Member, extra: bytes) -> None:
    """Fill in what a zip64 extra field holds."""
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, at)
        if tag == 1:
            field_at, stop = at + 4, min(at + 4 + size, len(extra))
            wide = [int.from_bytes(extra[i : i + 8], "little") for i in range(field_at, stop - 7, 8)]
            if member.size == _FULL32 and wide:
                member.size = wide.pop(0)
            if member.packed == _FULL32 and wide:
                member.packed = wide.pop(0)
            if member.header == _FULL32 and wide:
                member.header = wide.pop(0)
        at += 4 + size


def _local(data: memoryview, archive: Archive, member: Member) -> None:
    """Compare the header before a member with the directory, and find the member's data."""
    at, shown = member.header, repr(member.name[:80])
    if at + 30 > len(data) or bytes(data[at : at + 4]) != LOCAL:
        archive.odd(min(at, len(data)), f"member {shown} has no header where the directory says", grave=True)
        member.start = member.packed = 0
        return
    _, _, flags, method, _, crc, packed, size, name_size, extra_size = struct.unpack_from("<IHHHIIIIHH", data, at)
    name = _name(bytes(data[at + 30 : at + 30 + name_size]), flags)
    member.start = at + 30 + name_size + extra_size
    if member.start + member.packed > len(data):
        archive.odd(at, f"member {shown} goes beyond the end of the file", grave=True)
        member.packed = max(0, len(data) - member.start)
    if name != member.name:
        archive.odd(at, f"member {shown} is called {name[:80]!r} in its own header", grave=True)
    if method != member.method or (flags ^ member.flags) & (ENCRYPTED | _DESCRIBED):
        archive.odd(at, f"member {shown} has another method or other flags in its own header", grave=True)
    own = ((crc, member.crc), (packed, member.packed), (size, member.size))
    if any(here not in (there, _FULL32) and not (flags & _DESCRIBED and here == 0) for here, there in own):
        archive.odd(at, f"member {shown} has another size or checksum in its own header", grave=True)
    if member.method == 0 and member.packed != member.size:
        archive.odd(at, f"member {shown} is stored and has two sizes", grave=True)


def _layout(data: memoryview, archive: Archive, directory: int) -> None:
    """Look for members that overlap, and for what lies between them."""
    at = archive.prefix
    for member in sorted(archive.members, key=lambda member: member.header):
        if member.start == 0:
            continue
        if member.header < at:
            archive.odd(member.header, f"member {member.name[:80]!r} overlaps another", grave=True)
        elif member.header > at:
            _gap(data, archive, at, member.header)
        at = max(at, _data_end(data, member))
    if at < directory:
        _gap(data, archive, at, directory)
    elif at > directory:
        archive.odd(directory, "a member overlaps the directory", grave=True)


def _data_end(data: memoryview, member: Member) -> int:
    end = member.start + member.packed
    if not member.flags & _DESCRIBED:
        return end
    signed = bytes(data[end : end + 4]) == _DESCRIPTOR
    at = end + (4 if signed else 0)
    for size in (8, 4):
        if int.from_bytes(data[at + 4 : at + 4 + size], "little") == member.packed and (
            int.from_bytes(data[at + 4 + size : at + 4 + 2 * size], "little") == member.size
        ):
            return at + 4 + 2 * size
    return end


def _gap(data: memoryview, archive: Archive, start: int, stop: int) -> None:
    between = bytes(data[start : min(stop, start + (1 << 20))])
    if LOCAL in between:
        archive.odd(start + between.index(LOCAL), "a member lies in it that its directory does not name", grave=True)
    elif between.strip(b"\0"):
        archive.odd(start, f"{stop - start:,} bytes lie between its members and belong to none")
