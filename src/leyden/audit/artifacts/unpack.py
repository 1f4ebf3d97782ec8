"""Compressed bytes, unpacked within the budget."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable
from typing import Final, Protocol

from leyden.audit.finding import Budget
from leyden.errors import FormatError
from leyden.wire.inflate import Unpacked, unpack

_STEP: Final = 1 << 20
_IN: Final = 1 << 16
_XZ_MEMORY: Final = 256 << 20


class _Machine(Protocol):
    """What the decompressors of bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def inflate(data: memoryview, budget: Budget, most: int | None = None) -> bytearray:
    """What a deflated member of a zip archive holds, or its first ``most`` bytes; FormatError where it is damaged."""
    unpacked = unpack(data, budget.take, most=most)
    if unpacked.problem and most is None:
        raise FormatError(unpacked.problem)
    return unpacked.content


def undeflate(data: memoryview, budget: Budget) -> Unpacked:
    """What a deflated member of a zip archive holds."""
    return unpack(data, budget.take)


def unzlib(data: memoryview, budget: Budget) -> Unpacked:
    """What a zlib stream holds."""
    return unpack(data, budget.take, 15)


def ungzip(data: memoryview, budget: Budget) -> Unpacked:
    """What the members of a gzip file hold, one after another; zeros may lie between them."""
    whole = Unpacked()
    rest = data
    while bytes(rest[:2]) == b"\x1f\x8b" and not whole.problem:
        part = unpack(rest, budget.take, 31)
        whole.content += part.content
        whole.problem = part.problem
        rest = _padded(rest[len(rest) - part.rest :])
    whole.rest = len(rest)
    return whole


def unbzip2(data: memoryview, budget: Budget) -> Unpacked:
    """What the streams of a bzip2 file hold."""
    return _streams(data, budget, b"BZh", bz2.BZ2Decompressor)


def unxz(data: memoryview, budget: Budget) -> Unpacked:
    """What the streams of an xz or lzma file hold."""
    return _streams(data, budget, bytes(data[:3]), lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY))


def _streams(data: memoryview, budget: Budget, magic: bytes, new: Callable[[], _Machine]) -> Unpacked:
    unpacked = Unpacked()
    rest = data
    try:
        while bytes(rest[: len(magic)]) == magic and len(rest):
            machine = new()
            at = 0
            while not machine.eof:
                chunk = b"" if not machine.needs_input else bytes(rest[at : at + _IN])
                if machine.needs_input and not chunk:
                    unpacked.problem = "compressed data ends too early"
                    return unpacked
                at += len(chunk)
                part = machine.decompress(chunk, _STEP)
                budget.take(len(part))
                unpacked.content += part
            rest = _padded(rest[at - len(machine.unused_data) :])
    except (OSError, lzma.LZMAError, EOFError) as error:
        unpacked.problem = f"compressed data is damaged: {error}"
    unpacked.rest = len(rest)
    return unpacked


def _padded(rest: memoryview) -> memoryview:
    """``rest`` without the zeros that it begins with."""
    head = bytes(rest[:_IN])
    return rest[len(head) - len(head.lstrip(b"\0")) :]
