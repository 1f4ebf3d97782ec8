"""Lines as compilers count them."""

from __future__ import annotations


def lines_of(text: str) -> list[str]:
    """The lines of a text; form feeds and other letters that ``splitlines`` takes for ends of lines end none."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
