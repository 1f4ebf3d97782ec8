from __future__ import annotations

import io
import sys

import pytest

from leyden.audit.engine import Progress
from leyden.cli import audit_screen
from leyden.cli.audit_screen import Bar, printer

LINES = [[("high", "high"), ("plain", " "), ("place", "[bold]a.pt[/bold]")], [("quiet", "x" * 300)]]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def colourful(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def printed() -> str:
    """What a terminal gets."""
    shown = Terminal()
    printer(shown)(LINES)
    return shown.getvalue()


def test_a_terminal_gets_colours_and_no_markup_of_a_file():
    shown = printed()
    assert "\x1b[1;31mhigh\x1b[0m" in shown
    assert "[bold]a.pt[/bold]" in shown
    assert "x" * 300 in shown


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_are_left_out_where_they_are_not_wanted(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert "\x1b" not in printed()


def test_a_pipe_gets_plain_text(capsys):
    printer(sys.stdout)(LINES)
    assert capsys.readouterr().out == f"high [bold]a.pt[/bold]\n{'x' * 300}\n"


def test_progress_is_one_line_that_goes_away_again(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(audit_screen, "_QUIET_START", 0.0)
    monkeypatch.setenv("COLUMNS", "60")
    bar = Bar(Progress(files=1_234, now="models/\x1b[2J" + "x" * 100))
    bar.draw()
    line = shown.getvalue()
    assert line.startswith("\r\x1b[K1,234 files looked at, now models/\\x1b[2Jxxx")
    assert len(line.removeprefix("\r\x1b[K")) == 59
    bar.clear()
    bar.clear()
    assert shown.getvalue().removeprefix(line) == "\r\x1b[K"


def test_a_short_audit_and_a_pipe_show_no_progress(monkeypatch):
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        monkeypatch.setattr(sys, "stderr", stream)
        bar = Bar(Progress())
        bar.draw()
        bar.clear()
        assert stream.getvalue() == ""
