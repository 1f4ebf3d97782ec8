"""What ``leyden audit`` looks at besides files: which environment, and whether at all."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.audit.finding import Survey

if TYPE_CHECKING:
    from leyden.audit.environment.places import Environment
    from leyden.audit.host.survey import Host


def survey_arguments(parser: ArgumentParser) -> None:
    text = "Without PATH and --since, the packages and the runs of the project are looked at as well."
    group = parser.add_argument_group("besides files", text)
    named = (
        "the virtual environment, or directory of packages, to look at (default: the project's own, or the active one)"
    )
    group.add_argument("--environment", metavar="DIR", type=Path, help=named)
    group.add_argument("--no-environment", action="store_true", help="leave installed packages out")
    group.add_argument("--deep", action="store_true", help="also hash installed files over 4 MiB and tensors of runs")
    runs = "compare the checkpoints of your runs with the records beside your keys, as is done without PATH"
    group.add_argument("--runs", action="store_true", help=runs)
    online = "let the program pip-audit ask public databases for advisories; nothing else here uses the network"
    machine = "look at this machine too: who reaches its training processes, and who reads keys, tokens and models"
    group.add_argument("--host", action="store_true", help=machine)
    group.add_argument("--online", action="store_true", help=online)


def files_alone(options: Namespace) -> bool:
    """Whether files were named, and nothing besides is looked at by itself."""
    return bool(options.paths or options.since)


def chosen(options: Namespace, advisories: str = "") -> Iterator[Survey]:
    """The surveys that the command line asks for."""
    from leyden.audit.surveys import surveys

    paths = options.paths or [os.curdir]
    machine = host(paths) if options.host else None
    yield from surveys(
        paths,
        environment(options),
        machine,
        everything=options.deep,
        online=options.online,
        advisories=advisories,
    )
    if options.runs or not files_alone(options):
        from leyden.cli import audit_runs

        yield audit_runs.survey(paths, options.deep)


def host(paths: Sequence[str]) -> Host:
    """This machine, with the keys of this user."""
    from leyden.audit.host.files import Private
    from leyden.audit.host.survey import Host
    from leyden.security.keys import private_paths

    return Host([Private(*one) for one in private_paths()], paths)


def environment(options: Namespace) -> Environment | None:
    """The environment to look at; SettingsError where the one that was named is none."""
    if options.no_environment or (files_alone(options) and options.environment is None):
        return None
    from leyden.audit.environment import places

    return places.usual(Path()) if options.environment is None else places.named(options.environment)
