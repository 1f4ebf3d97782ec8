"""Any text as Markdown that shows it: nothing in it is a heading, a link, a picture or HTML."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Final

from leyden.audit.finding import Place
from leyden.audit.formats.plain import printable, where

# An underscore inside of a word marks nothing.
_MARKS: Final = re.compile(r"([\\`*\[\]<>&|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
# Words that some programs make links of, however they are escaped: addresses, people, numbers of issues.
_LINKS: Final = re.compile(r"(?i)@|://|www\.|mailto:|^\W?#\d")


def code(text: str) -> str:
    """``text`` as code within a line."""
    shown = printable(text)
    fence = "`" * (_longest_run(shown) + 1)
    edge = " " if not shown.strip() or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{edge}{shown}{edge}{fence}"


def prose(text: str) -> str:
    """A sentence in which names stand between backticks, as messages have it."""
    parts = printable(text).split("`")
    if len(parts) % 2 == 0:  # one that is never closed: nobody knows what is meant
        return _plain("`".join(parts))
    return "".join(code(part) if index % 2 and part else _plain(part) for index, part in enumerate(parts))


def place(at: Place) -> str:
    return code(where(at))


def block(lines: Iterable[str], language: str = "") -> str:
    """Lines as a block of code."""
    shown = [printable(line) for line in lines]
    fence = "`" * max(3, 1 + max(map(_longest_run, shown), default=0))
    return "\n".join((f"{fence}{language}", *shown, fence)) + "\n"


def argument(path: str) -> str:
    """A path as a word of a command, for any name that there is: a shell reads what is not printable as escapes."""
    if path.isprintable():
        return shlex.quote(path if not path.startswith("-") else f"./{path}")
    escaped = "".join(
        chr(byte) if 0x20 < byte < 0x7F and byte not in b"'\\" else f"\\x{byte:02x}"
        for byte in path.encode("utf-8", "surrogateescape" if _is_bytes(path) else "surrogatepass")
    )
    return f"$'{escaped}'"


def _is_bytes(path: str) -> bool:
    return all(not "\ud800" <= character <= "\udfff" or "\udc80" <= character <= "\udcff" for character in path)


def _plain(text: str) -> str:
    return " ".join(code(word) if _LINKS.search(word) else _MARKS.sub(r"\\\1", word) for word in text.split(" "))


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
