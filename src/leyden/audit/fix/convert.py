"""A pickled checkpoint of torch as a file of Leyden's own format, where all of it is known to be data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, final

from leyden.audit.artifacts import unpack
from leyden.audit.artifacts.source import read_artifact
from leyden.audit.artifacts.torch_zip import Model
from leyden.audit.artifacts.zip_parts import Member, end_of, parse
from leyden.audit.finding import Budget, File, Finding, LimitError
from leyden.audit.fix.tensors import Content, adapters
from leyden.audit.fix.values import to_values
from leyden.audit.opening import opened
from leyden.errors import EncodeError, FormatError
from leyden.wire import envelope
from leyden.wire.pickle.interpret import interpret
from leyden.wire.pickle.nodes import Dict, Pickle, Value
from leyden.wire.pickle.storages import storages
from leyden.wire.tree import Encoded, decode, encode

FORMATS: Final = ("torch-zip", "torch-legacy")  # what the others hold is seldom data alone
_COUNT: Final = 8  # bytes before each storage of the older format: how many elements it has


@final
@dataclass(frozen=True)
class Converted:
    """A checkpoint as it would be written."""

    encoded: Encoded
    tensors: int


@contextmanager
def converted(path: str, budget: Budget) -> Iterator[Converted]:
    """The checkpoint at ``path`` in the other format, while the file is open; EncodeError says why it cannot be."""
    with opened(path, budget) as file:
        yield _convert(file)


def write(checkpoint: Converted, stream: BinaryIO) -> str:
    """Write it to an empty seekable file; returns the digest of the header, which covers all of it.

    It is not signed: who converts a file does not vouch for it.
    """
    return envelope.write(stream, checkpoint.encoded.leaves, checkpoint.encoded.text)


def check(checkpoint: Converted, digest: str, data: memoryview, where: str) -> None:
    """FormatError or DigestError where ``data``, read back, is not what was written with this digest."""
    written = envelope.read(data, where)
    envelope.check_digests(written, data, where)
    blobs = {name: data[entry.start : entry.stop] for name, entry in written.header.entries.items()}
    _, used = decode(checkpoint.encoded.text, blobs, adapters(blobs.__getitem__), {}, where)
    if written.seal is None or written.seal.digest != digest or used != checkpoint.encoded.leaves.keys():
        raise FormatError(f"{where} was not written as it should have been.")


def _convert(file: File) -> Converted:
    formats = []
    for record in read_artifact(file):
        if isinstance(record, Finding):
            raise EncodeError(f"the audit has something to say about it ({record.rule})")
        if not record.place.inside:
            formats.append(record.format)
    match formats:
        case ["torch-zip"]:
            pickled = _of_zip(file)
        case ["torch-legacy"]:
            pickled = _of_legacy(file)
        case _:
            raise EncodeError("it is no file of torch.save")
    encoded = encode(to_values(pickled.root, pickled.data), adapters(pickled.content), {})
    if not encoded.leaves:
        raise EncodeError("it holds no tensor, so it is no checkpoint")
    return Converted(encoded, len(encoded.leaves))


@final
@dataclass(frozen=True)
class _Pickled:
    """What torch.save wrote: an object, the data that its pickle lies in, and its storages by key."""

    root: Value
    data: memoryview
    content: Content


def _of_zip(file: File) -> _Pickled:
    members = _members(file)
    model = Model.of(members)
    if model is None or model.script or len(model.pickles) != 1:
        raise EncodeError("it is no torch file with one pickle")
    _check_byte_order(file, members)
    data = _content(file, model.pickles[0])
    root = _read(data, 0).value
    for storage in storages(root):
        member = model.storages.get(storage.key.casefold())
        if member is None or member.size != storage.nbytes:
            raise EncodeError(f"its storage {storage.key[:40]!r} is not what the pickle says")
    unpacked: dict[str, memoryview] = {}

    def content(key: str) -> memoryview:
        if key not in unpacked:
            unpacked[key] = _content(file, model.storages[key.casefold()])
        return unpacked[key]

    return _Pickled(root, data, content)


def _of_legacy(file: File) -> _Pickled:
    """Five pickles in a row, and then the storages in the order of the last of them."""
    parts: list[Pickle] = []
    for _ in range(5):
        parts.append(_read(file.data, parts[-1].stop if parts else 0))
    _, _, system, root, keys = (part.value for part in parts)
    if not isinstance(system, Dict) or system.get("little_endian") is not True:
        raise EncodeError("its numbers are big-endian")
    described = {storage.key: storage for storage in storages(root)}
    if type(keys) is not list or described.keys() != set(keys):
        raise EncodeError("its storages are not those that the pickle names")
    found: dict[str, memoryview] = {}
    at = parts[-1].stop
    for key in keys:
        at += _COUNT
        found[key] = file.data[at : at + described[key].nbytes]
        at += described[key].nbytes
    if at != len(file.data):
        raise EncodeError("its storages have other sizes than the pickle says")
    return _Pickled(root, file.data, found.__getitem__)


def _read(data: memoryview, start: int) -> Pickle:
    pickle = interpret(data, start)
    if pickle.broken is not None or pickle.events:
        raise EncodeError("its pickle does more than describe data")
    return pickle


def _members(file: File) -> list[Member]:
    end = end_of(file.data)
    if end is None:
        raise EncodeError("it is no torch file")
    return parse(file.data, end).members


def _content(file: File, member: Member) -> memoryview:
    packed = file.data[member.start : member.start + member.packed]
    content = packed if member.method == 0 else memoryview(unpack.inflate(packed, file.budget))
    if len(content) != member.size:
        raise EncodeError(f"its member {member.name[:80]!r} is cut short")
    return content


def _check_byte_order(file: File, members: list[Member]) -> None:
    for member in members:
        if member.name.casefold().rpartition("/")[2] == "byteorder" and bytes(_content(file, member)) != b"little":
            raise EncodeError("its numbers are big-endian")


Refusals: Final = (EncodeError, FormatError, LimitError, OSError)
