"""Signals: SIGTERM ends a run at the edge of a batch, and Ctrl-C gives control back where somebody sits at a prompt."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(SystemExit):
    """SIGTERM arrived and the batch that was running is done. The process ends with the status that a shell expects."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


@contextmanager
def on_sigterm(note: Callable[[], None]) -> Iterator[None]:
    """Inside, SIGTERM calls ``note`` and then the handler that was there before, instead of ending the process.

    Signals can be handled in the main thread alone; elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        note()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def interactive() -> bool:
    """Does somebody sit at a Python prompt or in a notebook?"""
    return hasattr(sys, "ps1") or ("IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None)
