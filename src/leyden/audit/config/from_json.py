"""JSON with positions, without recursion. Comments and commas at the end are read, as editors' settings have them."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import Final, final

from leyden.audit.config.building import Builder, Parsed
from leyden.audit.config.nodes import Scalar
from leyden.audit.finding import Budget

_SKIPPED: Final = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_TOKEN: Final = re.compile(r'(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<mark>[{}\[\],:])|(?P<word>[A-Za-z0-9+.-]{1,400})')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: Final = frozenset(("true", "false", "null", "NaN", "Infinity", "-Infinity"))


def parse_json(text: str, budget: Budget) -> Parsed:
    """The value in ``text``, or several one after the other; LimitError beyond the limits."""
    return _Reading(text, budget).parsed()


class _BrokenError(Exception):
    """Text that is no JSON; the message says why."""


@final
class _Reading:
    def __init__(self, text: str, budget: Budget) -> None:
        self._text = text
        self._builder = Builder(budget)
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._at = 0
        self._closing: list[str] = []  # what each open collection ends with

    def parsed(self) -> Parsed:
        try:
            self._value()
            while self._closing or self._next() is not None:
                self._inside() if self._closing else self._value()
        except _BrokenError as error:
            line, column = self._place(self._at)
            self._builder.malformed(str(error), line, column)
        return self._builder.parsed()

    def _inside(self) -> None:
        """One member of the innermost collection with the comma after it, or its end."""
        closing = self._closing[-1]
        word = self._next()
        if word == closing:
            self._at += 1
            self._closing.pop()
            self._builder.end()
            self._separated()
            return
        if closing == "}":
            if word is None or word[0] != '"':
                raise _BrokenError("a name in quotes should stand here")
            self._scalar(word)
            if self._next() != ":":
                raise _BrokenError("a colon should stand here")
            self._at += 1
        self._value()

    def _value(self) -> None:
        word = self._next()
        if word in ("{", "["):
            line, column = self._place(self._at)
            self._builder.begin("mapping" if word == "{" else "sequence", line, column)
            self._closing.append("}" if word == "{" else "]")
            self._at += 1
            return
        if word is None or word in ("}", "]", ",", ":"):
            raise _BrokenError("a value should stand here")
        self._scalar(word)
        self._separated()

    def _separated(self) -> None:
        """After a value: a comma, or what ends the collection."""
        if not self._closing:
            return
        word = self._next()
        if word == ",":
            self._at += 1
        elif word != self._closing[-1]:
            raise _BrokenError(f"a comma or {self._closing[-1]} should stand here")

    def _scalar(self, word: str) -> None:
        line, column = self._place(self._at)
        quoted = word[0] == '"'
        if quoted:
            value = self._unescaped(word)
        elif word in _WORDS or _NUMBER.fullmatch(word):
            value = word
        else:
            raise _BrokenError("this is no value of JSON")
        self._builder.scalar(Scalar(value, line, column, plain=not quoted))
        self._at += len(word)

    def _unescaped(self, word: str) -> str:
        if "\\" not in word:
            return word[1:-1]
        try:
            return str(json.loads(word, strict=False))
        except ValueError:
            raise _BrokenError("an escape in this text is malformed") from None

    def _next(self) -> str | None:
        """The next token, which ``_at`` is at then; None at the end."""
        skipped = _SKIPPED.match(self._text, self._at)
        self._at = self._at if skipped is None else skipped.end()
        if self._at >= len(self._text):
            return None
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise _BrokenError("this is no JSON")
        return found[0]

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1
