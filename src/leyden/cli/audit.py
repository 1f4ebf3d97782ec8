"""``leyden audit``: look at a project, or at files of strangers, without running any of it."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leyden.cli.audit_history import look_back
from leyden.cli.audit_since import only_changed
from leyden.cli.audit_surveys import chosen, survey_arguments
from leyden.cli.command import Command

if TYPE_CHECKING:
    from leyden.audit.engine import Orders
    from leyden.audit.finding import Severity, Source
    from leyden.audit.report import Report
    from leyden.audit.settings import Settings
    from leyden.cli.audit_history import Past

HELP = "Look for what can run code, leak or be tampered with. Nothing that is looked at is run, imported or unpickled."
FORMATS: Final = ("text", "json", "sarif", "html", "cyclonedx", "guide")
SEVERITIES: Final = ("info", "low", "medium", "high", "critical")


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="*", help="files and directories (default: this directory)")
    add("--format", choices=FORMATS, default="text", help="what to write (default: %(default)s)")
    add("--output", metavar="FILE", type=Path, help="write there and not to standard output")
    add("--severity", choices=SEVERITIES, help="count and show findings from here on (default: low)")
    add("--baseline", metavar="FILE", type=Path, help="findings in this file do not count")
    add("--write-baseline", metavar="FILE", type=Path, help="write the findings to such a file, and end with 0 or 2")
    add("--save", action="store_true", help="keep the outcome in .leyden/audit, to compare the next audits with")
    add("--since", metavar="REV", help="look only at files that differ from this commit of git, and at untracked ones")
    add("--exclude", metavar="PATTERN", action="append", default=[], help="leave out names or paths such as 'data/*'")
    add("--all", action="store_true", help="also look at .git, virtual environments and their like")
    add(
        "--no-config", action="store_true", help="leave out [tool.leyden.audit] of the pyproject.toml in this directory"
    )
    add(
        "--no-suppress", action="store_true", help="comments, settings, baselines and names such as .git excuse nothing"
    )
    add("--fix", action="store_true", help="show what can be mended by itself, and ask before it is done")
    add("--yes", action="store_true", help="with --fix: do it without asking")
    add("--no-convert", action="store_true", help="with --fix: leave pickled checkpoints as they are")
    jobs = "processes (default: as many as there are cores; 0: only this one)"
    add("--jobs", metavar="N", type=between(0, 256), help=jobs)
    seconds = "the longest that one file may take (default: %(default)s)"
    add("--seconds", metavar="N", type=between(1, 86_400), default=60, help=seconds)
    survey_arguments(parser)


def between(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
            raise ArgumentTypeError(f"{text[:40]!r} is not a whole number from {least} to {most}")
        return int(text)

    return read


def run(options: Namespace) -> int:
    """Audit and report; the answer is 0 if nothing was found, 1 if something was, 2 if it could not be found out."""
    from leyden.audit.report import exit_code
    from leyden.audit.rules.every import RULES
    from leyden.audit.settings import Settings, load
    from leyden.cli import advisories_kept

    settings = Settings() if options.no_config else load(Path(), tuple(RULES))
    kept = advisories_kept.newest()
    orders = to_orders(options, settings, kept.path)
    threshold = to_severity(options, settings)
    past = look_back(options, orders, threshold)
    # Names of files may hold what the terminal's encoding does not have.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    report = perform(options, orders, threshold, past, kept.wrong)
    if options.format == "guide":
        report = with_proposals(options, orders, report)
    deliver(options, report)
    if options.fix:
        from leyden.cli.audit_fix import mend

        report = mend(options, orders, report)
    if options.save and past is not None:
        past.save(report)
    if options.write_baseline:  # it takes up all but what could not be looked at
        return exit_code(tuple(finding for finding in report.counted if finding.blind))
    return exit_code(report.counted)


def to_orders(options: Namespace, settings: Settings, advisories: str = "") -> Orders:
    """What the command line and the settings ask for together, with the list of bad releases that counts."""
    from leyden.audit import baseline
    from leyden.audit.dependencies.versions import versions
    from leyden.audit.engine import Orders, default_jobs
    from leyden.audit.finding import Limits

    root = os.path.realpath(os.curdir)
    accepted = options.baseline or (Path(settings.baseline) if settings.baseline else None)
    return Orders(
        paths=tuple(options.paths) or (".",),
        root=root,
        exclude=(*settings.exclude, *options.exclude),
        only=only_changed(options),
        everything=options.all,
        trusting=not options.no_suppress,
        digests=options.format == "cyclonedx",
        jobs=default_jobs() if options.jobs is None else options.jobs,
        limits=Limits(seconds=float(options.seconds)),
        suppressions=() if options.no_suppress else settings.suppress,
        advisories=advisories,
        versions={} if options.no_suppress else versions(root),
        baseline=frozenset() if accepted is None or options.no_suppress else baseline.load(accepted),
    )


def to_severity(options: Namespace, settings: Settings) -> Severity:
    from leyden.audit.finding import Severity

    return Severity[options.severity.upper()] if options.severity else settings.severity


def perform(options: Namespace, orders: Orders, threshold: Severity, past: Past | None, refused: str) -> Report:
    """Run the audit; in the format text, findings are shown as they come.

    ``refused`` says why a newer list of bad releases does not count, or nothing.
    """
    from leyden.audit.advisories.survey import survey
    from leyden.audit.engine import Progress, audit
    from leyden.audit.finding import Artifact, Finding
    from leyden.audit.formats import text
    from leyden.audit.report import Report, counts
    from leyden.audit.rules.every import RULES
    from leyden.audit.suppress import today
    from leyden.audit.worker import command
    from leyden.cli.audit_screen import Bar, printer

    started, clock = datetime.now(timezone.utc), time.monotonic()
    streaming = options.format == "text" and options.output is None
    progress, show = Progress(), printer(sys.stdout)
    besides = (*chosen(options, orders.advisories), survey(orders.root, orders.advisories, refused, today()))
    bar = Bar(progress)
    findings: list[Finding] = []
    artifacts: list[Artifact] = []
    try:
        looked = audit(
            orders, sources, today=today(), worker=command(), surveys=besides, progress=progress, tick=bar.draw
        )
        for record in looked:
            match record:
                case Artifact():
                    artifacts.append(record)
                case Finding():
                    findings.append(record)
                    if streaming and counts(record, threshold):
                        bar.clear()
                        show(text.finding(record, RULES[record.rule], past is not None and past.is_new(record)))
    finally:
        bar.clear()
    report = Report(
        findings=tuple(findings),
        artifacts=tuple(artifacts),
        rules=RULES,
        paths=orders.paths,
        root=orders.root,
        files=progress.files,
        bytes=progress.bytes,
        started=started,
        seconds=time.monotonic() - clock,
        threshold=threshold,
        left_out=tuple(progress.left_out),
        since=options.since or "",
    )
    if past is not None:
        report = past.compared(report)
    if streaming:
        show(text.summary(report))
    return report


def with_proposals(options: Namespace, orders: Orders, report: Report) -> Report:
    """The report with what each program would become: the guide shows it."""
    from leyden.audit.fix.proposals import proposals
    from leyden.cli.audit_fix import facts

    found = proposals(report, orders.limits, facts(options, orders, report), orders.advisories)
    return replace(report, proposals=tuple(found))


def sources() -> Sequence[Source]:
    """All readers, imported where they are used: with worker processes, that is not here."""
    from leyden.audit.sources import SOURCES

    return SOURCES


def deliver(options: Namespace, report: Report) -> None:
    """Write what is written at the end: a report that is one document, and a baseline."""
    if not options.write_baseline and options.output is None and options.format == "text":
        return  # the findings were shown as they came
    from leyden.audit import baseline
    from leyden.audit.formats.table import FORMATTERS
    from leyden.security.paths import replacing

    if options.write_baseline:
        with replacing(options.write_baseline) as stream:
            stream.write(baseline.dumps(report.findings).encode("ascii"))
    if options.output is not None:
        with replacing(options.output) as stream:
            for part in FORMATTERS[options.format](report):
                stream.write(part.encode("utf-8"))
    elif options.format != "text":
        for part in FORMATTERS[options.format](report):
            sys.stdout.write(part)


AUDIT = Command(HELP, arguments, run)
