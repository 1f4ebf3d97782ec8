from __future__ import annotations

import signal
import threading

import pytest

from leyden.audit.deadline import deadline
from leyden.audit.finding import Budget, LimitError, Limits


def test_what_is_done_in_time_is_not_disturbed():
    with deadline(Budget()):
        done = sum(range(1_000))
    assert done == 499_500
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_time_that_is_over_already_ends_the_block():
    def work() -> None:
        with deadline(Budget(Limits(seconds=0))):
            while True:
                pass

    with pytest.raises(LimitError, match="takes over 0 seconds"):
        work()


def test_another_thread_and_a_system_without_timers_go_on(monkeypatch):
    reached = []

    def work() -> None:
        with deadline(Budget(Limits(seconds=0))):
            reached.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    monkeypatch.delattr(signal, "setitimer")
    work()
    assert reached == [True, True]
