"""Text that a stranger chose, made fit to be shown: nothing in it reaches a terminal as a command."""

from __future__ import annotations

from leyden.audit.finding import Place


def printable(text: str) -> str:
    """``text`` on one line, with escapes for what is not plainly visible: controls, direction marks, broken UTF-8."""
    return text if text.isprintable() else "".join(map(_character, text))


def printable_lines(text: str) -> list[str]:
    """The lines of ``text``, each printable; a tab becomes spaces."""
    return [printable(line) for line in text.expandtabs(4).splitlines()]


def where(place: Place) -> str:
    """The place in words: file › member › member, line or byte."""
    parts = " › ".join(map(printable, (place.path, *place.inside)))
    if place.line is not None:
        parts += f":{place.line}" + (f":{place.column}" if place.column is not None else "")
    elif place.offset is not None:
        parts += f", byte {place.offset:,}"
    return parts


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def amount(size: int) -> str:
    """Bytes in the unit that fits."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return plural(size, "byte")


def _character(character: str) -> str:
    code = ord(character)
    if character.isprintable():
        return character
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not in the file system's encoding
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
