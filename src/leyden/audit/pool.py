"""Many files on all cores, in worker processes; answers in the order of the files, however long each takes."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import IO, Final, final

from leyden.audit.finding import Place, Record
from leyden.audit.fingerprint import Fingerprints
from leyden.audit.look import Job
from leyden.audit.records import from_json
from leyden.audit.rules.engine import CHANGED, OVER_LIMIT, READER_FAILED
from leyden.audit.worker import READY, line
from leyden.errors import PackageError

Answer = tuple[Job, list[Record]]

_AHEAD: Final = 4  # batches that wait for each worker: keeps it busy, and bounds what is held
_GRACE: Final = 5.0  # seconds beyond a file's own limit, in which its reader should have stopped by itself
_LONGEST_ANSWER: Final = 64 << 20
_TICK: Final = 0.2
_CUT_SHORT: Final = -getattr(signal, "SIGBUS", 0) or None  # what reading a mapped file beyond its end is answered with


@final
class Pool:
    """Workers that live for one audit. ``command`` starts one. Use it as a context: the end stops every worker."""

    def __init__(self, workers: int, command: Sequence[str]) -> None:
        self._workers = [Worker(command) for _ in range(workers)]
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="leyden-audit")
        for worker in self._workers:
            self._idle.put(worker)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exception: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown()

    def run(self, batches: Iterable[list[Job]]) -> Iterator[Answer | None]:
        """The answers in order; None now and then while the next one takes its time."""
        waiting: deque[Future[list[Answer]]] = deque()
        for batch in batches:
            waiting.append(self._threads.submit(self._do, batch))
            while len(waiting) >= _AHEAD * len(self._workers):
                yield from self._answers(waiting.popleft())
        while waiting:
            yield from self._answers(waiting.popleft())

    def _answers(self, future: Future[list[Answer]]) -> Iterator[Answer | None]:
        while not wait([future], _TICK).done:
            for worker in self._workers:
                worker.check_time()
            yield None
        yield from future.result()

    def _do(self, batch: list[Job]) -> list[Answer]:
        worker = self._idle.get()
        try:
            return list(worker.answers(batch))
        finally:
            self._idle.put(worker)


@final
class Worker:
    """One process, started when there is work and again after a file ended it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None
        self._deadline = float("inf")
        self._late = False
        self._stopped = False

    def answers(self, batch: Sequence[Job]) -> Iterator[Answer]:
        """An answer for each job; for one that ends the process, the finding that it did."""
        left = deque(batch)
        while left and not self._stopped:
            process = self._started()
            with contextlib.suppress(BrokenPipeError):
                _send(process, left)
            while left:
                self._deadline = time.monotonic() + left[0].limits.seconds + _GRACE
                text = _receive(process)
                self._deadline = float("inf")
                if text is None:
                    break
                yield left.popleft(), [from_json(members) for members in json.loads(text)]
            if left and not self._stopped:
                job = left.popleft()
                yield job, [self._ended(job)]

    def check_time(self) -> None:
        """End the process if the file at hand takes too long; called from another thread."""
        process = self._process
        if process is not None and time.monotonic() > self._deadline:
            self._late = True
            process.kill()

    def stop(self) -> None:
        """End the process for good."""
        self._stopped = True
        self._discard()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None:
            return self._process
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        process = subprocess.Popen(  # noqa: S603 - the command is our own
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints
        )
        self._process = process
        self._late = False
        if _receive(process) != READY:
            said = self._said()
            self._discard()
            raise PackageError(
                f"The audit could not start a process to work in: {said or 'it ended without a word'}. "
                "With --jobs 0 it works in this one."
            )
        return process

    def _ended(self, job: Job) -> Record:
        """What the end of the process in the middle of ``job`` tells about its file."""
        late, said = self._late, self._said()
        code = self._discard()
        fingerprints, place = Fingerprints(job.label), Place(job.path)
        if late:
            text = f"Looking at it took over {job.limits.seconds:g} seconds, so it was stopped."
            return fingerprints.of(OVER_LIMIT.at(place, text, key="time"))
        if code == _CUT_SHORT:
            text = "Not all of it was looked at: another program cut it short meanwhile."
            return fingerprints.of(CHANGED.at(place, text, key="cut"))
        text = f"It ended the process that looked at it (exit code {code})."
        return fingerprints.of(READER_FAILED.at(place, f"{text} {said}".strip(), key="process"))

    def _said(self) -> str:
        """The last line that the process wrote to its standard error."""
        if self._complaints is None:
            return ""
        size = self._complaints.seek(0, 2)
        self._complaints.seek(max(0, size - 2_000))
        return self._complaints.read().decode("utf-8", "replace").strip().rpartition("\n")[2][-300:]

    def _discard(self) -> int | None:
        process, complaints = self._process, self._complaints
        self._process, self._complaints = None, None
        code = None
        if process is not None:
            process.kill()
            code = process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if complaints is not None:
            complaints.close()
        return code


def _send(process: subprocess.Popen[bytes], jobs: Iterable[Job]) -> None:
    assert process.stdin is not None
    process.stdin.write(line(jobs))
    process.stdin.flush()


def _receive(process: subprocess.Popen[bytes]) -> bytes | None:
    """The next line, or None where the process is gone."""
    assert process.stdout is not None
    try:
        text = process.stdout.readline(_LONGEST_ANSWER)
    except (OSError, ValueError):  # closed from another thread: the audit is over
        return None
    return text if text.endswith(b"\n") else None
