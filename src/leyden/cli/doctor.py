"""``leyden doctor``: whether this machine, and a run before it starts, are as they should be."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leyden.audit.finding import Finding, Survey
from leyden.cli.audit import sources
from leyden.cli.command import Command
from leyden.errors import SettingsError
from leyden.redaction import redact_text

if TYPE_CHECKING:
    from leyden.audit.doctor.line import Line
    from leyden.audit.settings import Settings
    from leyden.cli.advisories_kept import Kept

HELP = "Tell what this machine is like for training; with a program, whether its run would start, without running it."
FORMAT: Final = "leyden-doctor-1"


def arguments(parser: ArgumentParser) -> None:
    program = "a training program to verify before it is run; nothing of it is run or imported"
    parser.add_argument("script", metavar="PROGRAM", nargs="?", help=program)
    config = "with PROGRAM: a YAML, JSON or TOML file whose table trainer has arguments of the Trainer; may be repeated"
    parser.add_argument("--config", metavar="FILE", action="append", default=[], help=config)
    parser.add_argument("--json", action="store_true", help="write one JSON document: docs/doctor.md describes it")


def run(options: Namespace) -> int:
    """0 if all is well, 1 if something is to be mended, 2 if something could not be looked at."""
    from leyden.audit.doctor.line import Status
    from leyden.audit.report import counts, exit_code
    from leyden.audit.rules.every import RULES
    from leyden.audit.settings import load
    from leyden.cli import advisories_kept, doctor_lines

    if options.config and options.script is None:
        raise SettingsError("--config goes with a program: leyden doctor train.py --config FILE")
    settings, kept = load(Path(), tuple(RULES)), advisories_kept.newest()
    lines = [] if options.script else list(doctor_lines.lines(Path(), kept.catalogue()))
    findings = examine(options.script, options.config, kept, settings)
    counted = [one for one in findings if counts(one, settings.severity)]
    broken = any(line.status is Status.PROBLEM for line in lines)
    code = exit_code(tuple(counted)) or int(broken)
    if options.json:
        print(document(lines, findings, code))
    else:
        show(lines, counted)
    return code


def examine(script: str | None, configurations: Sequence[str], kept: Kept, settings: Settings) -> list[Finding]:
    """What the audit of the machine, or of a program and what it imports, finds."""
    from leyden.audit.dependencies.versions import versions
    from leyden.audit.engine import Orders, audit, default_jobs
    from leyden.audit.suppress import today
    from leyden.audit.worker import command

    paths, surveys = machine(kept) if script is None else a_run(script, configurations, kept)
    root = os.path.realpath(os.curdir)
    orders = Orders(
        tuple(paths),
        root,
        jobs=default_jobs(),
        suppressions=settings.suppress,
        advisories=kept.path,
        versions=versions(root),
    )
    records = audit(orders, sources, today=today(), worker=command(), surveys=surveys)
    return [one for one in records if isinstance(one, Finding)]


def machine(kept: Kept) -> tuple[Sequence[str], Iterable[Survey]]:
    """Installed packages of this Python, and this host without its models."""
    from leyden.audit.environment import places
    from leyden.audit.surveys import surveys
    from leyden.cli.audit_surveys import host

    return (), surveys((), places.running(), host(()), advisories=kept.path)


def a_run(script: str, configurations: Sequence[str], kept: Kept) -> tuple[Sequence[str], Iterable[Survey]]:
    """A program, and the packages that its project runs with."""
    from leyden.audit.environment import places
    from leyden.audit.surveys import surveys
    from leyden.cli import doctor_run

    paths, survey = doctor_run.examined(script, configurations)
    return paths, (survey, *surveys((), places.usual(Path()), advisories=kept.path))


def document(lines: Sequence[Line], findings: Sequence[Finding], code: int) -> str:
    """All of it as JSON."""
    from leyden.audit.records import to_json

    told = [
        {
            "section": line.section,
            "name": line.name,
            "value": redact_text(line.value),
            "status": line.status.value,
            "advice": line.advice,
        }
        for line in lines
    ]
    found = [to_json(finding) for finding in findings]
    return json.dumps({"format": FORMAT, "exit": code, "lines": told, "findings": found}, indent=1)


def show(lines: Sequence[Line], findings: Sequence[Finding]) -> None:
    """All of it for people."""
    from leyden.audit.doctor.line import Status
    from leyden.audit.finding import sorted_findings
    from leyden.audit.formats import text
    from leyden.audit.formats.plain import plural, printable
    from leyden.audit.rules.every import RULES
    from leyden.cli.audit_screen import printer

    if hasattr(sys.stdout, "reconfigure"):  # names may hold what the terminal's encoding does not have
        sys.stdout.reconfigure(errors="backslashreplace")
    styles: Final[dict[Status, text.Style]] = {
        Status.OK: "plain",
        Status.WARN: "medium",
        Status.PROBLEM: "high",
        Status.UNKNOWN: "low",
    }
    put = printer(sys.stdout)
    for line in lines:
        value = printable(redact_text(line.value))
        put([[(styles[line.status], f"{line.status.value:<8}"), ("plain", f" {line.section}: {line.name}: {value}")]])
        if line.status is not Status.OK and line.advice:
            put([[("quiet", f"         → {line.advice}")]])
    for finding in sorted_findings(findings):
        put(text.finding(finding, RULES[finding.rule]))
    problems = sum(line.status is Status.PROBLEM for line in lines)
    put([[("plain", f"{plural(problems, 'problem')} and {plural(len(findings), 'finding')}.")]])


DOCTOR = Command(HELP, arguments, run)
