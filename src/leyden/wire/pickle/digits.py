"""Numbers in lines of text, as CPython reads them."""

from __future__ import annotations

from typing import Final

from leyden.errors import FormatError
from leyden.wire.pickle.machine import Machine
from leyden.wire.pickle.nodes import Kind

MOST_DIGITS: Final = 4_300  # as Python limits them
_POWERS_OF_TWO: Final = (b"0x", b"0o", b"0b")  # which it does not limit


def number(m: Machine) -> bytes:
    """The line of a number, which ends for C at a zero byte."""
    text, zero, _ = m.line().partition(b"\0")
    if zero:
        m.tell(Kind.NON_ASCII, None, "a number with a zero byte, at which C stops")
    return text


def integer(m: Machine, text: bytes) -> int:
    """A whole number in any notation."""
    if len(text) > MOST_DIGITS and text.lstrip(b" +-")[:2].lower() not in _POWERS_OF_TWO:
        raise FormatError(f"{m.what()} has a number of {len(text):,} digits")
    try:
        return int(text, 0)
    except ValueError:
        # What C's strtol takes and Python's int does not: octal numbers, as Python 2 wrote them.
        try:
            return int(text, 8)
        except ValueError:
            raise FormatError(f"{m.what()} has {text[:40]!r} for a number") from None


def place(m: Machine) -> int:
    """A place in the memo: decimal, so that ``010`` is ten."""
    text = number(m)
    try:
        return int(text)
    except ValueError:
        raise FormatError(f"{m.what()} has {text[:40]!r} for a number") from None
