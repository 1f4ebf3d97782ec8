"""Deflated bytes, unpacked no further than their reader can bear."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, final

from leyden.errors import FormatError

RAW: Final = -15  # as in zip archives: without a header
_STEP: Final = 1 << 20
_IN: Final = 1 << 16


@final
@dataclass(slots=True)
class Unpacked:
    """What came out of a compressed file. What came before damage is there too: a reader runs it before it fails."""

    content: bytearray = field(default_factory=bytearray)
    rest: int = 0  # bytes after the compressed data
    problem: str = ""  # why there is no more


def unpack(data: memoryview, take: Callable[[int], None], window: int = RAW, most: int | None = None) -> Unpacked:
    """What a deflated stream holds, or its first ``most`` bytes.

    ``take`` is told of each piece before the next one is made, and raises where they are too many.
    """
    machine = zlib.decompressobj(window)
    unpacked = Unpacked()
    at = 0
    pending = b""
    try:
        while not machine.eof and (most is None or len(unpacked.content) < most):
            if not pending:
                pending = bytes(data[at : at + _IN])
                at += len(pending)
            part = machine.decompress(pending, min(_STEP, most - len(unpacked.content)) if most else _STEP)
            pending = machine.unconsumed_tail
            if not part and not pending and at >= len(data):
                break
            take(len(part))
            unpacked.content += part
    except zlib.error as error:
        unpacked.problem = f"compressed data is damaged: {error}"
        return unpacked
    if most is None and not machine.eof:
        unpacked.problem = "compressed data ends too early"
    unpacked.rest = len(machine.unused_data) + max(0, len(data) - at)
    return unpacked


def inflate(data: memoryview, take: Callable[[int], None]) -> bytearray:
    """What a whole deflated stream holds; FormatError where it is damaged or cut short."""
    unpacked = unpack(data, take)
    if unpacked.problem:
        raise FormatError(unpacked.problem)
    return unpacked.content
