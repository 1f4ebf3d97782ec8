from __future__ import annotations

import io
import json
import sys
from pathlib import Path

from tests.audit.marks import SOURCE

from leyden.audit.finding import Limits
from leyden.audit.look import Job
from leyden.audit.records import from_json
from leyden.audit.worker import READY, command, line, serve


def test_each_job_is_answered_by_one_line(tmp_path):
    for name, content in (("a", "BAD\nBAD"), ("b", "fine")):
        (tmp_path / name).write_text(content)
    jobs = [Job(str(tmp_path / name), name, False, False, Limits(findings=1)) for name in ("a", "b", "c")]
    answers = io.BytesIO()
    serve([SOURCE], io.BytesIO(line(jobs[:2]) + line(jobs[2:])), answers)
    assert answers.getvalue().startswith(READY)
    told = [[from_json(record) for record in json.loads(text)] for text in answers.getvalue().splitlines()[1:]]
    assert [[record.rule for record in records] for records in told] == [["LEY901", "LEY003"], [], ["LEY005"]]


def test_a_worker_imports_from_where_this_process_does_and_never_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "relative", str(Path.cwd()), "/somewhere/else"])
    started = command()
    assert started[1:3] == ["-I", "-S"]
    package, other = started[-2:]
    assert (Path(package) / "leyden" / "audit").is_dir()
    assert other == "/somewhere/else"
