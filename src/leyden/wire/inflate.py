"""Deflated bytes, unpacked no further than their reader can bear."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from leyden.errors import FormatError

RAW: Final = -15  # as in zip archives: without a header
_STEP: Final = 1 << 20
_IN: Final = 1 << 16


def inflate(
    data: memoryview, take: Callable[[int], None], window: int = RAW, most: int | None = None
) -> tuple[bytearray, int]:
    """What a deflated stream holds, or its first ``most`` bytes; and the number of bytes after it.

    ``take`` is told of each piece before the next one is made, and raises where they are too many.
    """
    machine = zlib.decompressobj(window)
    content = bytearray()
    at = 0
    pending = b""
    try:
        while not machine.eof and (most is None or len(content) < most):
            if not pending:
                pending = bytes(data[at : at + _IN])
                at += len(pending)
            part = machine.decompress(pending, min(_STEP, most - len(content)) if most else _STEP)
            pending = machine.unconsumed_tail
            if not part and not pending and at >= len(data):
                break
            take(len(part))
            content += part
    except zlib.error as error:
        raise FormatError(f"compressed data is damaged: {error}") from None
    if most is None and not machine.eof:
        raise FormatError("compressed data ends too early")
    return content, len(machine.unused_data) + max(0, len(data) - at)
