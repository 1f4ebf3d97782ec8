"""An end for a reader that does not come to one, where the system can interrupt it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from leyden.audit.finding import Budget, LimitError


@contextmanager
def deadline(budget: Budget) -> Iterator[None]:
    """LimitError in the middle of the block when the time of ``budget`` is over.

    Only in the main thread of a system with timers. A worker that cannot be interrupted so is ended from outside.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise LimitError(f"it takes over {budget.limits.seconds:g} seconds")

    left = budget.limits.seconds - (time.monotonic() - budget.started)
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
