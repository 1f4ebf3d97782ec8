"""Tqdm: a bar on a terminal or in a notebook, and plain lines everywhere else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm.std import tqdm
else:
    from tqdm.auto import tqdm

_NUMBER_WIDTH = 5


class Tqdm(tqdm):  # type: ignore[type-arg]
    """tqdm, made to be drawn when its owner says so: neither creating nor resetting it draws.

    Where the output is no terminal, a bar that is drawn over and over fills a log with noise. There each drawing is a
    line of its own, and ``line_interval`` and ``line_gap`` say how often there should be one.
    """

    line_interval = 60.0
    """Seconds between two lines of the same bar."""

    line_gap = 1.0
    """Seconds that must lie between the last lines of two bars, so that short epochs do not flood the log."""

    monitor_interval = 0  # no thread that draws behind our back

    _quiet = True
    _displayed = False
    _line: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._quiet = False

    @property
    def lines(self) -> bool:
        """Does it write lines, for want of a terminal or notebook?"""
        if self.disable or self.gui:
            return False
        return not (self.fp.isatty() or type(self.fp._wrapped).__module__.partition(".")[0] == "ipykernel")

    @staticmethod
    def format_num(n: float | str) -> str:
        """A number as text, padded with zeros, so that what follows it on the line stands still."""
        text = n if isinstance(n, str) else tqdm.format_num(n)
        if isinstance(n, int) or not text.strip("-").replace(".", "", 1).isdecimal():
            return text
        return text if len(text) >= _NUMBER_WIDTH else (text if "." in text else f"{text}.").ljust(_NUMBER_WIDTH, "0")

    def reset(self, total: float | None = None) -> None:
        """Start again at zero."""
        self._quiet = True
        try:
            super().reset(total)
        finally:
            self._quiet = False

    def display(self, *args: Any, **kwargs: Any) -> Any:
        """Draw."""
        if self._quiet:
            return True
        if self.lines:
            return self._write_line()
        self._displayed = True
        return super().display(*args, **kwargs)

    def close(self) -> None:
        """Be done; what ``leave`` says decides whether the last state stays to be seen."""
        if self.disable:
            return
        lines = self.lines
        if lines and self.leave:
            self._write_line()
        if lines or not (self.leave or self._displayed):
            self.last_print_t = self.start_t - 1.0  # tells tqdm that there is nothing to clear
        super().close()

    @classmethod
    @contextmanager
    def external_write_mode(cls, file: Any = None, nolock: bool = False) -> Iterator[None]:
        """Around what others print: bars on a screen make room for it, lines stay where they are."""
        if any(isinstance(bar, Tqdm) and bar.lines for bar in getattr(cls, "_instances", ())):
            yield
        else:
            with super().external_write_mode(file, nolock):
                yield

    def _write_line(self) -> bool:
        state = self.format_dict
        total = "?" if self.total is None or math.isinf(self.total) else self.total
        rate = (self.n - self.initial) / state["elapsed"] if state["elapsed"] else 0.0
        speed = f"{self.format_num(rate)}{self.unit}/s"
        what = f"{self.desc.removesuffix(': ')}: {self.n}/{total}"
        postfix = f", {self.postfix}" if self.postfix else ""
        if self._line != (line := what + postfix):
            self._line = line
            self.fp.write(f"{what} [{self.format_interval(state['elapsed'])}, {speed}{postfix}]\n")
            self.fp.flush()
        return True
