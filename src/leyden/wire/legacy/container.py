"""The two layouts of torch.save: what is the pickle in a file, and where the storages lie. Nothing is made of them yet.

Torch finds the members of its archives by rules of its own, and other programs by others. A file that could be read in
two ways is refused.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from leyden.errors import FormatError
from leyden.wire.inflate import inflate
from leyden.wire.pickle.interpret import interpret
from leyden.wire.pickle.nodes import Dict, Event, Kind, Pickle, Value
from leyden.wire.pickle.storages import Storage, storages
from leyden.wire.zip_parts import ENCRYPTED, Member, end_of, parse

MAGIC: Final = 0x1950A86A20F9469CFC6C  # the first pickle of the older layout
PROTOCOL: Final = 1001  # and the second
_COUNT: Final = 8  # bytes before each storage of the older layout: how many elements it has
_ZIPPED: Final = b"PK\x03\x04"
# Compressed members may take so much altogether, or so many times the file, whichever is more. Torch compresses none.
_INFLATED: Final = 64 << 20
_RATIO: Final = 20
_KNOWN: Final = {"version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"}
_OTHERWISE: Final = "Use another copy of the file, or the program that wrote it."
# What no program of torch's writes, whatever the objects in it.
_NEVER: Final = {Kind.COMPUTED, Kind.EXTENSION, Kind.FRAME, Kind.NON_ASCII, Kind.COST, Kind.BUFFER}


@final
@dataclass(frozen=True)
class Place:
    """Where the bytes of a storage lie in the file; ``deflated``: how many they are once they are unpacked."""

    start: int
    stop: int
    deflated: int | None = None
    crc: int | None = None


@final
@dataclass(frozen=True)
class Saved:
    """A file of torch.save's: the object in its pickle, and its storages by key."""

    root: Value
    pickled: memoryview  # what the pickle lies in
    inside: str  # how messages call that
    events: tuple[Event, ...]
    storages: Mapping[str, Storage]
    places: Mapping[str, Place]
    layout: str  # "torch-zip", "torch-legacy"


def is_pickled(data: memoryview) -> bool:
    """Whether a file begins as torch writes them, in one layout or the other."""
    return bytes(data[:4]) == _ZIPPED or (len(data) > 1 and data[0] == 0x80 and data[1] in range(2, 6))


def open_saved(data: memoryview, where: str) -> Saved:
    """The parts of a file; FormatError, with ``where`` for its name, if it is not exactly what torch.save writes."""
    if bytes(data[:4]) == _ZIPPED:
        return _of_zip(data, where)
    if is_pickled(data):
        return _of_pickles(data, where)
    raise FormatError(f"{where} is no file of torch.save. Check the path.")


def unpacked(data: memoryview, place: Place, where: str) -> bytearray:
    """The bytes of a storage that is compressed; ``open_saved`` has checked how many they are."""
    assert place.deflated is not None
    left = place.deflated

    def take(count: int) -> None:
        nonlocal left
        left -= count
        if left < 0:
            raise FormatError(f"{where}: a member has more bytes than its archive says. {_OTHERWISE}")

    try:
        content = inflate(data[place.start : place.stop], take)
    except FormatError as error:
        if str(error).startswith(where):
            raise
        raise FormatError(f"{where}: {error}. {_OTHERWISE}") from None
    if left or zlib.crc32(content) != place.crc:
        raise FormatError(f"{where}: a member is not what its archive says. {_OTHERWISE}")
    return content


def _of_zip(data: memoryview, where: str) -> Saved:
    folder, members = _members(data, where)
    pickled = members.pop("data.pkl")
    _check_byte_order(data, members, where)
    places = {
        name.removeprefix("data/"): _place(member) for name, member in members.items() if name.startswith("data/")
    }
    inside = f"{folder}/data.pkl"
    content = _content(data, pickled, where)
    pickle = _read(content, 0, f"{where}, {inside}")
    if pickle.stop != len(content):
        raise FormatError(f"{where}: bytes follow the end of the pickle {inside}. {_OTHERWISE}")
    described = _described([pickle], where)
    for storage in described.values():
        place = places.get(storage.key)
        if place is None:
            raise FormatError(f"{where}: its storage {storage.key[:40]!r} is not in the archive. {_OTHERWISE}")
        size = place.stop - place.start if place.deflated is None else place.deflated
        if size != storage.nbytes:
            raise FormatError(
                f"{where}: its storage {storage.key[:40]!r} has {size:,} bytes, and its pickle says "
                f"{storage.nbytes:,}. {_OTHERWISE}"
            )
    if unused := places.keys() - described.keys():
        raise FormatError(f"{where}: its storage {min(unused)[:40]!r} belongs to no tensor. {_OTHERWISE}")
    return Saved(pickle.value, content, inside, pickle.events, described, places, "torch-zip")


def _members(data: memoryview, where: str) -> tuple[str, dict[str, Member]]:
    """The name of the one folder that everything lies in, and the members by their names in it."""
    end = end_of(data)
    if end is None:
        raise FormatError(f"{where} is a zip archive that is cut short. Use another copy of the file.")
    try:
        archive = parse(data, end)
    except FormatError as error:
        raise FormatError(f"{where}: {error}. {_OTHERWISE}") from None
    if archive.prefix:
        raise FormatError(f"{where}: {archive.prefix:,} bytes stand before its first member. {_OTHERWISE}")
    if archive.oddities:
        raise FormatError(f"{where} could be read in two ways: {archive.oddities[0].text}. {_OTHERWISE}")
    twice, count = Counter(member.name.casefold() for member in archive.members).most_common(1)[0]
    if count > 1:
        raise FormatError(f"{where} has {count} members of the name {twice[:200]!r}. {_OTHERWISE}")
    folder = archive.members[0].name.partition("/")[0]
    members = {member.name.removeprefix(f"{folder}/"): member for member in archive.members}
    for name, member in members.items():
        if name == "constants.pkl" or name.startswith("code/"):
            raise FormatError(
                f"{where} is a program of TorchScript, which is run and not read. Load it with torch.jit.load if it is "
                "yours, and save its state_dict()."
            )
        if name == member.name or not (name in _KNOWN or name == "data.pkl" or _is_storage(name)):
            raise FormatError(f"{where} has a member {member.name[:200]!r}, which torch.save does not write.")
        if member.flags & ENCRYPTED or member.method not in (0, 8):
            raise FormatError(f"{where}: its member {member.name[:200]!r} is encrypted or compressed in a strange way.")
    if "data.pkl" not in members:
        raise FormatError(f"{where} is a zip archive and no file of torch.save: it has no data.pkl. Check the path.")
    deflated = sum(member.size for member in archive.members if member.method)
    if deflated > max(_INFLATED, _RATIO * len(data)):
        raise FormatError(
            f"{where}: its {len(data):,} bytes would become {deflated:,}. Torch does not compress what it saves: zip "
            "it again without compression, if you know where it comes from."
        )
    return folder, members


def _is_storage(name: str) -> bool:
    first, _, key = name.partition("/")
    return first == "data" and bool(key) and "/" not in key


def _place(member: Member) -> Place:
    stop = member.start + member.packed
    return Place(member.start, stop) if member.method == 0 else Place(member.start, stop, member.size, member.crc)


def _content(data: memoryview, member: Member, where: str) -> memoryview:
    place = _place(member)
    if place.deflated is not None:
        return memoryview(unpacked(data, place, where)).toreadonly()
    content = data[place.start : place.stop].toreadonly()
    if zlib.crc32(content) != member.crc:
        raise FormatError(f"{where}: the checksum of its member {member.name[:200]!r} is wrong. {_OTHERWISE}")
    return content


def _check_byte_order(data: memoryview, members: Mapping[str, Member], where: str) -> None:
    member = members.get("byteorder")
    if member is not None and (member.size > 16 or bytes(_content(data, member, where)) != b"little"):
        raise _big_endian(where)


def _big_endian(where: str) -> FormatError:
    return FormatError(
        f"{where} was written on a machine with another order of bytes. Load it there and save it with safetensors."
    )


def _of_pickles(data: memoryview, where: str) -> Saved:
    """Five pickles in a row, and then the storages in the order of the last of them."""
    first = _read(data, 0, where)
    if type(first.value) is not int or first.value != MAGIC:
        raise FormatError(
            f"{where} is a pickle, and not one of torch.save's. Load it with the program that wrote it, if you trust "
            "its origin, and save what it holds as tensors and plain data."
        )
    parts = [first]
    while len(parts) < 5:
        parts.append(_read(data, parts[-1].stop, where))
    _, protocol, system, root, keys = (part.value for part in parts)
    if protocol != PROTOCOL or not isinstance(system, Dict):
        raise FormatError(f"{where} is of a layout of torch.save's that is not known. {_OTHERWISE}")
    if system.get("little_endian") is not True:
        raise _big_endian(where)
    described = _described(parts, where)
    named = type(keys) is list and all(type(key) is str for key in keys)
    if not named or sorted(keys) != sorted(described):
        raise FormatError(f"{where}: its storages are not those that its pickle names. {_OTHERWISE}")
    places: dict[str, Place] = {}
    at = parts[-1].stop
    for key in keys:
        storage = described[key]
        count = int.from_bytes(data[at : at + _COUNT], "little", signed=True)
        at += _COUNT
        places[key] = Place(at, at + storage.nbytes)
        at += storage.nbytes
        if count != storage.numel or at > len(data):
            raise FormatError(f"{where}: its storage {key[:40]!r} is not as long as its pickle says. {_OTHERWISE}")
    if at != len(data):
        raise FormatError(f"{where}: {len(data) - at:,} bytes follow its last storage. {_OTHERWISE}")
    events = tuple(event for part in parts for event in part.events)
    return Saved(root, data, "the file", events, described, places, "torch-legacy")


def _read(data: memoryview, start: int, where: str) -> Pickle:
    pickle = interpret(data, start)
    if pickle.broken is not None:
        raise FormatError(f"{where}: the pickle cannot be read to its end: {pickle.broken}. {_OTHERWISE}")
    if pickle.nested:
        raise FormatError(
            f"{where}: its pickle loads a file of torch's out of bytes inside of it, which torch.save does not write. "
            f"{_OTHERWISE}"
        )
    for event in pickle.events:
        if event.kind in _NEVER:
            raise FormatError(f"{where}: {event.operation} at byte {event.at:,} {event.kind.value}. {_OTHERWISE}")
    return pickle


def _described(pickles: list[Pickle], where: str) -> dict[str, Storage]:
    found: dict[str, Storage] = {}
    for pickle in pickles:
        for storage in storages(pickle.value):
            known = found.setdefault(storage.key, storage)
            if (known.nbytes, known.location) != (storage.nbytes, storage.location):
                raise FormatError(f"{where} says two things about its storage {storage.key[:40]!r}. {_OTHERWISE}")
    return found
