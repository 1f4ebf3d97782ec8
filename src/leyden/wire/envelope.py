"""What makes a safetensors file a checkpoint of Leyden's: a seal, a digest for every tensor, and a tree.

The header begins with a seal of fixed length at a fixed offset, so that it is checked before any JSON is parsed. It
holds the SHA-256 of the header, then the public key of whom it is from and its signature, or zeros.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from typing import BinaryIO, Final, final

from leyden.errors import DigestError, EncodeError, FormatError
from leyden.wire import safetensors, strict_json
from leyden.wire.origin import Origin, dumps, loads
from leyden.wire.safetensors import LARGEST_HEADER, Entry, Header, size_of
from leyden.wire.seal import Seal, Signer, check_signature, signature
from leyden.wire.strict_json import Json

FORMAT: Final = "1"
PREFIX: Final = b'{"__metadata__":{"leyden.seal":"'
SEAL: Final = 256  # characters: 64 of the header's digest, 64 of a public key, 128 of its signature
ALIGNMENT: Final = 64
_SEAL_START: Final = 8 + len(PREFIX)
_SEAL_STOP: Final = _SEAL_START + SEAL
_HEX = re.compile(rb"[0-9a-f]*")
_CHUNK = 2 << 20
_BUFFERS = 16
_WORTH_A_THREAD = 1 << 20
_WORTH_A_FLUSH = 8 << 20
_FLUSH: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)


@final
@dataclass(frozen=True)
class Leaf:
    """A tensor on its way into a file.

    ``alignment`` is a power of two that divides its size. ``read`` is called once, when its bytes are written.
    """

    dtype: str
    shape: tuple[int, ...]
    alignment: int
    read: Callable[[], memoryview]


@final
@dataclass(frozen=True)
class Envelope:
    """A file whose header is whole and unchanged. ``digests`` are in the order of the header's entries.

    ``seal`` is None in a file that is not ours, and names no signer in one that nobody signed.
    """

    header: Header
    seal: Seal | None
    digests: tuple[str, ...] | None
    tree: str | None
    origin: Origin | None = None


def write(
    stream: BinaryIO,
    leaves: Mapping[str, Leaf],
    tree: str,
    signer: Signer | None = None,
    origin: Origin | None = None,
) -> str:
    """Write a checkpoint where a seekable stream stands, signed by ``signer``; returns the digest of its header.

    The header comes last: a file that was cut off while it was written has none. The stream then stands behind it all.
    """
    begin = stream.tell()
    # The data starts aligned, and each size is a multiple of its alignment: in this order, every tensor is aligned.
    ordered = dict(sorted(leaves.items(), key=lambda item: -item[1].alignment))
    unknown = "0" * 64
    more = {"leyden.origin": dumps(origin)} if origin is not None else {}
    length = len(_render(ordered, tree, [unknown] * len(ordered), more))
    if length > LARGEST_HEADER:
        raise EncodeError(
            f"The header would take {length:,} bytes; safetensors allows {LARGEST_HEADER:,}. "
            "Put large plain data into tensors or numpy arrays."
        )
    stream.seek(begin + 8 + length)
    # One thread each: pieces of a tensor are hashed in their order, and those of the next one beside them.
    with ThreadPoolExecutor(1) as odd, ThreadPoolExecutor(1) as even, ThreadPoolExecutor(1) as flusher:
        flushed = _Flushed(stream, flusher)
        hashed = _Hashed(flushed, itertools.cycle((odd, even)), max(map(_size, ordered.values()), default=0))
        hashes = [hashed.write(leaf.read()) for leaf in ordered.values()]
        hashed.finish()
        flushed.finish()
    end = stream.tell()
    digests = [hexdigest() for hexdigest in hashes]
    header = _render(ordered, tree, digests, more)
    assert len(header) == length
    start = length.to_bytes(8, "little") + header
    digest = _sha256(memoryview(start))
    seal = digest.encode() + signature(digest, signer)
    stream.seek(begin)
    _write_all(stream, memoryview(start[:_SEAL_START] + seal + start[_SEAL_STOP:]))
    stream.seek(end)
    return digest


def pass_on(file: BinaryIO, stream: BinaryIO) -> None:
    """Write the rest of a file to a stream that may not be able to seek."""
    while part := file.read(_CHUNK):
        _write_all(stream, memoryview(part))


def read(data: memoryview, where: str) -> Envelope:
    """Check the header of a file, ours or any other safetensors file; ``where`` names it in errors."""
    data_start = safetensors.header_length(data, where)
    if bytes(data[8:_SEAL_START]) != PREFIX:
        header = safetensors.read_header(data, where)
        if any(key.startswith("leyden.") for key in header.metadata):
            raise FormatError(f"{where}: the header was rewritten by another program, and its seal is gone.")
        return Envelope(header, None, None, None)
    seal = _check_seal(data[:data_start], where)
    header = safetensors.read_header(data, where)
    version = header.metadata.get("leyden.format")
    if version != FORMAT:
        raise FormatError(
            f"{where} has the format {str(version)[:40]!r}, and this version of Leyden reads {FORMAT!r}. "
            "Upgrade Leyden."
        )
    tree, joined = header.metadata.get("leyden.tree"), header.metadata.get("leyden.sha256")
    if tree is None or joined is None or len(joined) != 64 * len(header.entries):
        raise FormatError(f"{where}: the header has no tree, or not one digest for each tensor.")
    digests = tuple(joined[at : at + 64] for at in range(0, len(joined), 64))
    origin = header.metadata.get("leyden.origin")
    return Envelope(header, seal, digests, tree, None if origin is None else loads(origin, where))


def check_digests(envelope: Envelope, data: memoryview, where: str) -> None:
    """Hash every tensor on two threads and compare; DigestError names the first that differs."""
    if envelope.digests is None:
        return
    work = iter(zip(envelope.header.entries.items(), envelope.digests, strict=True))
    if len(data) < _WORTH_A_THREAD:
        bad = _first_bad(work, data)
    else:
        # Taking from one list iterator is atomic, so the two share the work as it comes.
        shared = iter(list(work))
        with ThreadPoolExecutor(2) as pool:
            found = [future.result() for future in [pool.submit(_first_bad, shared, data) for _ in range(2)]]
        bad = min((entry for entry in found if entry is not None), key=lambda item: item[1].start, default=None)
    if bad is not None:
        name, entry = bad
        raise DigestError(
            f"{where}: tensor {name[:200]!r} (bytes {entry.start:,} to {entry.stop:,}) is not what was saved: "
            "its SHA-256 differs. The file was damaged or changed. Use another copy or an earlier checkpoint."
        )


def _first_bad(work: Iterable[tuple[tuple[str, Entry], str]], data: memoryview) -> tuple[str, Entry] | None:
    for (name, entry), digest in work:
        if _sha256(data[entry.start : entry.stop]) != digest:
            return name, entry
    return None


def _check_seal(start: memoryview, where: str) -> Seal:
    """Digest and signer of the header, once they are known to be right."""
    seal = bytes(start[_SEAL_START:_SEAL_STOP])
    if len(seal) != SEAL or not _HEX.fullmatch(seal):
        raise FormatError(f"{where}: the seal at the start of the header is damaged. Use another copy of the file.")
    content = hashlib.sha256(start[:_SEAL_START])
    content.update(b"0" * SEAL)
    content.update(start[_SEAL_STOP:])
    digest = content.hexdigest()
    if digest.encode() != seal[:64]:
        raise DigestError(
            f"{where}: the header is not what was saved: its SHA-256 differs. The file was damaged or changed. "
            "Use another copy or an earlier checkpoint."
        )
    return check_signature(digest, seal[64:], where)


def _render(leaves: Mapping[str, Leaf], tree: str, digests: list[str], more: Mapping[str, str]) -> bytes:
    """The header with zeros for a seal, padded so that the data is aligned."""
    members: dict[str, Json] = {
        "__metadata__": {
            "leyden.seal": "0" * SEAL,
            "leyden.format": FORMAT,
            "format": "pt",
            "leyden.sha256": "".join(digests),
            "leyden.tree": tree,
            **more,
        }
    }
    position = 0
    for name, leaf in leaves.items():
        stop = position + _size(leaf)
        members[name] = {"dtype": leaf.dtype, "shape": [*leaf.shape], "data_offsets": [position, stop]}
        position = stop
    text = strict_json.dumps(members).encode("ascii")
    assert text.startswith(PREFIX)
    return text + b" " * (-(8 + len(text)) % ALIGNMENT)


def _size(leaf: Leaf) -> int:
    size = size_of(leaf.dtype, leaf.shape)
    assert size is not None
    return size


@final
class _Hashed:
    """Writes data while other threads hash it, a tensor each: all of them release the interpreter's lock.

    What is hashed is what was written, even if somebody changes the tensor meanwhile, since both come from a copy.
    """

    def __init__(self, stream: _Flushed, others: Iterator[ThreadPoolExecutor], largest: int) -> None:
        self._stream, self._others = stream, others
        self._size = min(_CHUNK, largest)
        # Several, so that neither waits for the other at every piece, which takes long where processors are busy.
        self._more = _BUFFERS if largest >= _WORTH_A_THREAD else 1
        self._buffers: deque[memoryview] = deque()
        self._hashing: deque[tuple[memoryview, Future[None]]] = deque()

    def write(self, data: memoryview) -> Callable[[], str]:
        """Write one tensor; returns what tells its digest, once ``finish`` was called."""
        digest, other = hashlib.sha256(), next(self._others)
        for start in range(0, len(data), _CHUNK):
            size = min(_CHUNK, len(data) - start)
            buffer = self._free_buffer()
            part = buffer[:size]
            part[:] = data[start : start + size]
            if len(data) < _WORTH_A_THREAD:
                digest.update(part)
                self._buffers.append(buffer)
            else:
                self._hashing.append((buffer, other.submit(digest.update, part)))
            self._stream.write(part)
        return digest.hexdigest

    def finish(self) -> None:
        for _, hashing in self._hashing:
            hashing.result()

    def _free_buffer(self) -> memoryview:
        if self._buffers:
            return self._buffers.popleft()
        if self._more and not (self._hashing and self._hashing[0][1].done()):
            self._more -= 1
            return memoryview(bytearray(self._size))
        buffer, hashing = self._hashing.popleft()
        hashing.result()
        return buffer


@final
class _Flushed:
    """Writes data while another thread sends what is written to the disk, so that little is left to wait for."""

    def __init__(self, stream: BinaryIO, other: ThreadPoolExecutor) -> None:
        self._stream, self._other = stream, other
        self._descriptor = stream.fileno() if isinstance(stream, FileIO) else None
        self._waiting = 0  # bytes
        self._flushing: Future[None] | None = None

    def write(self, data: memoryview) -> None:
        _write_all(self._stream, data)
        if self._descriptor is None:
            return
        self._waiting += len(data)
        if self._waiting < _WORTH_A_FLUSH or (self._flushing is not None and not self._flushing.done()):
            return
        self.finish()
        self._waiting = 0
        self._flushing = self._other.submit(_FLUSH, self._descriptor)

    def finish(self) -> None:
        """Wait, and raise what the disk has said: it says so once, and would not to whoever flushes next."""
        if self._flushing is not None:
            self._flushing.result()


def _write_all(stream: BinaryIO, data: memoryview) -> None:
    while data:
        written = stream.write(data)
        if not written:  # None, or nothing: it would go on for ever
            raise BlockingIOError(
                errno.EAGAIN,
                "The stream did not say that it took any of the bytes. Use one whose write() waits, and answers with "
                "how many it has taken",
            )
        data = data[written:]


def _sha256(data: memoryview) -> str:
    return hashlib.sha256(data).hexdigest()
