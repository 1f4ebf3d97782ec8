from __future__ import annotations

import os
import sys
import time

import pytest
from tests.audit.marks import WORKER

from leyden.audit.finding import Limits
from leyden.audit.look import Job
from leyden.audit.pool import Pool
from leyden.audit.worker import command, line
from leyden.errors import PackageError


def jobs(folder, *contents: bytes, seconds=60.0) -> list[Job]:
    made = []
    for number, content in enumerate(contents):
        path = folder / f"{number:03}"
        path.write_bytes(content)
        made.append(Job(str(path), path.name, False, False, Limits(seconds)))
    return made


def answers(batches, workers=1, command=WORKER) -> list[tuple[str, list[str]]]:
    with Pool(workers, command) as pool:
        return [(job.label, [r.rule for r in records]) for job, records in filter(None, pool.run(batches))]


def test_answers_come_in_the_order_of_the_files(tmp_path):
    made = jobs(tmp_path, *[b"BAD\n" * (number % 3) for number in range(40)])
    found = answers([made[start : start + 3] for start in range(0, 40, 3)], workers=2)
    assert found == [(f"{number:03}", ["LEY901"] * (number % 3)) for number in range(40)]


def test_a_file_that_ends_its_process_is_a_finding_and_the_rest_is_looked_at(tmp_path):
    made = jobs(tmp_path, b"BAD", b"crash", b"BAD", b"crash")
    assert answers([made]) == [("000", ["LEY901"]), ("001", ["LEY004"]), ("002", ["LEY901"]), ("003", ["LEY004"])]


def test_the_last_word_of_a_process_is_told(tmp_path):
    with Pool(1, WORKER) as pool:
        ((_, (finding,)),) = filter(None, pool.run([jobs(tmp_path, b"crash")]))
    assert finding.message == "It ended the process that looked at it (exit code 7). a last word"
    assert finding.fingerprint


def test_a_file_that_never_ends_is_stopped_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr("leyden.audit.pool._GRACE", 0.0)
    began = time.monotonic()
    found = answers([jobs(tmp_path, b"stuck", b"BAD", seconds=0.2)])
    assert found == [("000", ["LEY003"]), ("001", ["LEY901"])]
    assert time.monotonic() - began < 5


def test_an_audit_that_is_given_up_leaves_no_process(tmp_path):
    made = jobs(tmp_path, b"BAD", *[b"stuck"] * 4)
    with Pool(2, WORKER) as pool:
        running = pool.run([[job] for job in made])
        next(running)
        pids = [worker._process.pid for worker in pool._workers if worker._process is not None]
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_that_cannot_start_is_an_error_with_what_it_said(tmp_path):
    wrong = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    with pytest.raises(PackageError, match=r"no such luck\. With --jobs 0"):
        answers([jobs(tmp_path, b"BAD")], command=wrong)


def test_the_current_directory_is_never_imported_from(tmp_path, monkeypatch):
    for name in ("json.py", "signal.py", "leyden.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('a stranger ran')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    assert answers([jobs(tmp_path, b"fine")], command=command()) == [("000", [])]


def test_odd_names_reach_a_worker_as_they_are(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff\n\xe2\x80\xae")
    path.write_bytes(b"BAD")
    job = Job(str(path), os.fsdecode(b"\xff\n"), False, False)
    assert line([job]).isascii()
    assert answers([[job]]) == [(job.label, ["LEY901"])]
