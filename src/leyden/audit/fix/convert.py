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
from leyden.audit.fix.tensors import adapters
from leyden.audit.fix.values import to_values
from leyden.audit.opening import opened
from leyden.errors import EncodeError, FormatError
from leyden.wire import envelope
from leyden.wire.pickle.interpret import interpret
from leyden.wire.pickle.storages import storages
from leyden.wire.tree import Encoded, decode, encode

FORMAT: Final = "torch-zip"  # the only one: what the others hold is seldom data alone


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
    for record in read_artifact(file):
        if isinstance(record, Finding):
            raise EncodeError(f"the audit has something to say about it ({record.rule})")
    members = _members(file)
    model = Model.of(members)
    if model is None or model.script or len(model.pickles) != 1:
        raise EncodeError("it is no torch file with one pickle")
    _check_byte_order(file, members)
    data = _content(file, model.pickles[0])
    pickle = interpret(data)
    if pickle.broken is not None or pickle.events:
        raise EncodeError("its pickle does more than describe data")
    for storage in storages(pickle.value):
        member = model.storages.get(storage.key.casefold())
        if member is None or member.size != storage.nbytes:
            raise EncodeError(f"its storage {storage.key[:40]!r} is not what the pickle says")
    unpacked: dict[str, memoryview] = {}

    def content(key: str) -> memoryview:
        if key not in unpacked:
            unpacked[key] = _content(file, model.storages[key.casefold()])
        return unpacked[key]

    encoded = encode(to_values(pickle.value, data), adapters(content), {})
    if not encoded.leaves:
        raise EncodeError("it holds no tensor, so it is no checkpoint")
    return Converted(encoded, len(encoded.leaves))


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
