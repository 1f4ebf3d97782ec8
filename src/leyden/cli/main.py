"""The ``leyden`` program."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from leyden._version import __version__
from leyden.audit.formats.plain import printable
from leyden.cli.advisories import ADVISORIES
from leyden.cli.audit import AUDIT
from leyden.cli.command import Command
from leyden.cli.convert import CONVERT
from leyden.cli.demo import DEMO
from leyden.cli.doctor import DOCTOR
from leyden.cli.explain import EXPLAIN
from leyden.cli.export import EXPORT
from leyden.cli.inspect import INSPECT
from leyden.cli.key import KEY
from leyden.cli.sign import SIGN
from leyden.cli.verify import VERIFY
from leyden.cli.which_models import WHICH_MODELS
from leyden.errors import LeydenError
from leyden.redaction import redact_text

COMMANDS: dict[str, Command] = {
    "advisories": ADVISORIES,
    "audit": AUDIT,
    "convert": CONVERT,
    "demo": DEMO,
    "doctor": DOCTOR,
    "explain": EXPLAIN,
    "export": EXPORT,
    "inspect": INSPECT,
    "key": KEY,
    "sign": SIGN,
    "verify": VERIFY,
    "which-models": WHICH_MODELS,
}

FAILED = 2  # the command could not do its work; 1 is its answer "no"
INTERRUPTED = 130  # as a shell reports it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and answer its exit code."""
    parser = ArgumentParser(prog="leyden", description="Train PyTorch models safely.")
    parser.add_argument("--version", action="version", version=f"leyden {__version__}")
    choices = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for name, command in COMMANDS.items():
        command.arguments(choices.add_parser(name, help=command.help, description=command.help))
    arguments = parser.parse_args(argv)
    try:
        code = COMMANDS[arguments.command].run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe went away, which is its right; nothing more can be told to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (LeydenError, OSError) as error:
        # It may quote a file, and a terminal must not take parts of that for commands.
        told = redact_text(f"leyden {arguments.command}: {type(error).__name__}: {error}")
        print(printable(told), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"leyden {arguments.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code
