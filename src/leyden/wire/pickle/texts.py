"""The text that STRING writes as Python 2 would show it."""

from __future__ import annotations

import re

from leyden.errors import FormatError

_ESCAPE = re.compile(rb"\\(\n|[0-7]{1,3}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES = {b"\n": b"", b"\\": b"\\", b"'": b"'", b'"': b'"', b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n",
            b"r": b"\r", b"t": b"\t", b"v": b"\v"}  # fmt: skip


def unescaped(text: bytes) -> bytes:
    """What stands for ``text`` between its quotes; FormatError for an escape that is not complete."""

    def plain(match: re.Match[bytes]) -> bytes:
        escape = match[1]
        if escape[:1] in (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7"):
            return bytes([int(escape, 8) & 0xFF])
        if escape[:1] == b"x":
            if len(escape) != 3:
                raise FormatError("STRING has an escape that is not complete")
            return bytes([int(escape[1:], 16)])
        return _ESCAPES.get(escape, match[0])

    return _ESCAPE.sub(plain, text)
