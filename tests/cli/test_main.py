from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser, Namespace

import pytest

from leyden._version import __version__
from leyden.cli.command import Command
from leyden.cli.main import COMMANDS, main
from leyden.errors import DigestError


def no_options(parser: ArgumentParser) -> None:
    """A command without options of its own."""


def command_that_raises(error: BaseException) -> Command:
    def run(options: Namespace) -> int:
        raise error

    return Command("fails", no_options, run)


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as done:
        main(["--version"])
    assert done.value.code == 0
    assert capsys.readouterr().out == f"leyden {__version__}\n"


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["demo", "--epochs", "0"], ["demo", "--epochs", "many"]])
def test_a_wrong_call_ends_with_2_and_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2
    assert "usage: leyden" in capsys.readouterr().err


@pytest.mark.parametrize("error", [DigestError("tensor 'a' changed"), PermissionError(13, "not yours", "x.ckpt")])
def test_an_error_is_one_line_without_a_traceback(monkeypatch, capsys, error):
    monkeypatch.setitem(COMMANDS, "demo", command_that_raises(error))
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == f"leyden demo: {type(error).__name__}: {error}\n"


def test_a_bug_of_ours_keeps_its_traceback(monkeypatch):
    monkeypatch.setitem(COMMANDS, "demo", command_that_raises(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["demo"])


def test_an_interrupted_command_ends_as_a_shell_expects(monkeypatch, capsys):
    monkeypatch.setitem(COMMANDS, "demo", command_that_raises(KeyboardInterrupt()))
    assert main(["demo"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_command_answers_the_exit_code(monkeypatch):
    monkeypatch.setitem(COMMANDS, "demo", Command("answers", no_options, lambda options: 1))
    assert main(["demo"]) == 1


def test_the_program_starts_without_torch():
    code = "import sys, leyden.cli.main; print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout == "False\n"


def test_the_package_runs_as_the_program():
    shown = subprocess.run([sys.executable, "-m", "leyden", "--version"], check=True, capture_output=True, text=True)
    assert shown.stdout == f"leyden {__version__}\n"


def test_a_reader_that_goes_away_is_no_error_to_tell_of():
    code = "import sys; sys.stdin.read(1); from leyden.cli.main import main; sys.exit(main(['explain']))"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as program:
        program.stdout.close()
        program.stdin.write("x")
        program.stdin.close()
        assert program.stderr.read() == ""
    assert program.returncode == 2
