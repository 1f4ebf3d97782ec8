"""Compressed bytes, unpacked within the budget."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable
from typing import Final, Protocol

from leyden.audit.finding import Budget
from leyden.errors import FormatError
from leyden.wire.inflate import RAW
from leyden.wire.inflate import inflate as inflate_within

_STEP: Final = 1 << 20
_IN: Final = 1 << 16


class _Machine(Protocol):
    """What the decompressors of bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def inflate(data: memoryview, budget: Budget, most: int | None = None) -> bytes:
    """What a deflated member of a zip archive holds, or its first ``most`` bytes."""
    return _zlib(data, budget, RAW, most)[0]


def unzlib(data: memoryview, budget: Budget) -> tuple[bytes, int]:
    """What a zlib stream holds, and the bytes after it."""
    return _zlib(data, budget, 15, None)


def ungzip(data: memoryview, budget: Budget) -> tuple[bytes, int]:
    """What the members of a gzip file hold, one after another, and the number of bytes after them."""
    parts = []
    left = len(data)
    while left and bytes(data[len(data) - left :][:2]) == b"\x1f\x8b":
        part, left = _zlib(data[len(data) - left :], budget, 31, None)
        parts.append(part)
    return b"".join(parts), left


def _zlib(data: memoryview, budget: Budget, window: int, most: int | None) -> tuple[bytes, int]:
    content, rest = inflate_within(data, budget.take, window, most)
    return bytes(content), rest


def unbzip2(data: memoryview, budget: Budget) -> bytes:
    """What the streams of a bzip2 file hold."""
    return _streams(data, budget, b"BZh", bz2.BZ2Decompressor)


def unxz(data: memoryview, budget: Budget) -> bytes:
    """What the streams of an xz or lzma file hold."""
    return _streams(data, budget, bytes(data[:3]), lambda: lzma.LZMADecompressor(memlimit=256 << 20))


def _streams(data: memoryview, budget: Budget, magic: bytes, new: Callable[[], _Machine]) -> bytes:
    parts: list[bytes] = []
    rest = data
    try:
        while bytes(rest[: len(magic)]) == magic and len(rest):
            machine = new()
            at = 0
            while not machine.eof:
                chunk = b"" if not machine.needs_input else bytes(rest[at : at + _IN])
                if machine.needs_input and not chunk:
                    raise FormatError("compressed data ends too early")
                at += len(chunk)
                part = machine.decompress(chunk, _STEP)
                budget.take(len(part))
                parts.append(part)
            rest = rest[at - len(machine.unused_data) :]
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise FormatError(f"compressed data is damaged: {error}") from None
    return b"".join(parts)
