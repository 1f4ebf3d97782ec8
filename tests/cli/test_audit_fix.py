from __future__ import annotations

import io
import sys

import pytest

from leyden.audit.engine import Orders
from leyden.audit.fix.steps import Convert, Leave, Rewrite, Tighten
from leyden.cli import audit_fix
from leyden.cli.main import main

STEPS = [Tighten("a\x1b", 0o666, 0o644), Convert("b", 2), Leave("c", "it is\n odd")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "agreed"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_nothing_is_done_without_a_clear_yes(monkeypatch, answer, agreed):
    question = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", question)
    assert audit_fix.agreed(2) is agreed
    assert question.getvalue() == "Do 2 steps? [y/N] "


def test_where_nobody_can_answer_nobody_is_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert audit_fix.agreed(1) is False


def test_each_step_is_told_on_one_line_that_a_terminal_cannot_obey():
    told = [audit_fix.told(step) for step in STEPS]
    assert told[0] == "a\\x1b: permissions 0666 become 0644"
    assert told[1].startswith("b: becomes a file of Leyden's format with 2 tensors")
    assert told[2] == "c: left as it is: it is\\n odd"


def test_what_is_left_is_never_carried_out():
    assert audit_fix.carried_out(STEPS[2], Orders((), "/")) is False


def test_a_changed_text_is_told_and_shown_as_a_diff(capsys):
    step = Rewrite("a.py", b"x = 1\n", b"x = 2\n", ("one becomes\x1b two", "that is all"), ())
    assert audit_fix.told(step) == "a.py: one becomes\\x1b two; that is all"
    audit_fix.show_diff(step)
    assert capsys.readouterr().err.splitlines() == [
        f"    {line}" for line in ("--- a.py", "+++ a.py", "@@ -1 +1 @@", "-x = 1", "+x = 2")
    ]


def test_a_requirement_on_a_bad_release_is_raised(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"torch==2.5.1  # why\r\ntorch==2.4.0+cpu\r\nlightning>=2.0\r\n")
    assert main(["audit", "--fix", "--yes", "."]) == 1
    told = capsys.readouterr().err
    assert "line 1: torch ==2.5.1 becomes ==2.11.0" in told
    assert "left as it is: line 2" in told
    assert path.read_bytes() == b"torch==2.11.0  # why\r\ntorch==2.4.0+cpu\r\nlightning>=2.0\r\n"
    assert main(["audit", "--fix", "--yes", "--severity", "info", "."]) == 1
    assert path.read_bytes().endswith(b"lightning>=2.6.6\r\n")


def test_what_a_notebook_installs_is_left_to_its_editor(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.ipynb"
    path.write_text('{"cells": [{"cell_type": "code", "source": "!pip install torch==2.5.1"}]}')
    before = path.read_bytes()
    assert main(["audit", "--fix", "--yes", "."]) == 1
    assert "./a.ipynb: left as it is: a notebook is edited where it runs" in capsys.readouterr().err
    assert path.read_bytes() == before
