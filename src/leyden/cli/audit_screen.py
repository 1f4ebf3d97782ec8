"""What ``leyden audit`` shows while it works: findings as they come, and a line of progress."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final, TextIO, TypeAlias

from leyden.audit.engine import Progress
from leyden.audit.formats.plain import plural, printable
from leyden.audit.formats.text import Line

Printer: TypeAlias = Callable[[Iterable[Line]], None]

_RICH_STYLES: Final = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "bold yellow",
    "low": "cyan",
    "info": "blue",
    "place": "bold",
    "quiet": "dim",
    "plain": "",
    "added": "green",
    "removed": "red",
}
_QUIET_START: Final = 0.5  # seconds without a line of progress: most audits are done by then
_EVERY: Final = 0.1


def printer(stream: TextIO) -> Printer:
    """Prints lines in colour where ``stream`` is a terminal and rich is installed."""
    coloured = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return in_colour(stream) if coloured and importlib.util.find_spec("rich") else in_plain(stream)


def in_plain(stream: TextIO) -> Printer:
    def show(lines: Iterable[Line]) -> None:
        for line in lines:
            print("".join(text for _, text in line), file=stream, flush=True)

    return show


def in_colour(stream: TextIO) -> Printer:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False)

    def show(lines: Iterable[Line]) -> None:
        for line in lines:
            # Text, and not markup: what a file says is never read as a style.
            console.print(Text.assemble(*((text, _RICH_STYLES[style]) for style, text in line)), soft_wrap=True)

    return show


class Bar:
    """One line on standard error that says how far it is, where that is a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._shown = False
        self._next = time.monotonic() + _QUIET_START if sys.stderr.isatty() else float("inf")

    def draw(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY
        self._shown = True
        text = f"{plural(self._progress.files, 'file')} looked at, now {printable(self._progress.now)}"
        columns = shutil.get_terminal_size().columns
        print(f"\r\033[K{text[: columns - 1]}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown:
            self._shown = False
            print("\r\033[K", end="", file=sys.stderr, flush=True)
