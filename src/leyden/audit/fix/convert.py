"""A pickled checkpoint of torch as a file of Leyden's own format, where all of it is known to be data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, final

from leyden.audit.artifacts.source import read_artifact
from leyden.audit.finding import Budget, File, Finding, LimitError
from leyden.audit.fix.tensors import Content, adapters
from leyden.audit.fix.values import to_values
from leyden.audit.opening import opened
from leyden.errors import EncodeError, FormatError
from leyden.wire import envelope
from leyden.wire.legacy.container import Saved, open_saved, unpacked
from leyden.wire.tree import Encoded, decode, encode

FORMATS: Final = ("torch-zip", "torch-legacy")  # what the others hold is seldom data alone


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
    if len(formats) != 1 or formats[0] not in FORMATS:
        raise EncodeError("it is no file of torch.save")
    saved = open_saved(file.data, "it")
    encoded = encode(to_values(saved), adapters(_content(file, saved)), {})
    if not encoded.leaves:
        raise EncodeError("it holds no tensor, so it is no checkpoint")
    return Converted(encoded, len(encoded.leaves))


def _content(file: File, saved: Saved) -> Content:
    known: dict[str, memoryview] = {}

    def content(key: str) -> memoryview:
        if key not in known:
            place = saved.places[key]
            packed = place.deflated is not None
            known[key] = memoryview(unpacked(file.data, place, "it")) if packed else file.data[place.start : place.stop]
        return known[key]

    return content


Refusals: Final = (EncodeError, FormatError, LimitError, OSError)
