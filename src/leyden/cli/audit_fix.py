"""``leyden audit --fix``: shows what it would do, and does it after a yes."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Final

from leyden.audit.engine import Orders
from leyden.audit.fix.apply import do_conversion, rewrite, tighten
from leyden.audit.fix.code.facts import Facts, facts_of
from leyden.audit.fix.plan import mends, plan
from leyden.audit.fix.steps import ORIGINAL, Convert, Leave, Rewrite, Step, Tighten
from leyden.audit.formats.diff import diff
from leyden.audit.formats.plain import plural, printable
from leyden.audit.formats.text import Style
from leyden.audit.report import Report
from leyden.cli.audit_screen import printer
from leyden.errors import LeydenError
from leyden.security.paths import replacing

_REST: Final = " What to do about the rest: leyden audit --format guide"


def mend(options: Namespace, orders: Orders, report: Report) -> Report:
    """Show the plan and carry it out if that is wanted; returns the report without what is mended."""
    conversion, known = not options.no_convert, facts(options, orders, report)
    steps = list(plan(report, orders.limits, known, conversion=conversion, advisories=orders.advisories))
    say("")
    for step in steps:
        say(f"  {told(step)}")
        if isinstance(step, Rewrite):
            show_diff(step)
    todo = [step for step in steps if not isinstance(step, Leave)]
    if not todo:
        say("There is nothing that --fix can mend." + (_REST if report.counted else ""))
        return report
    if not (options.yes or agreed(len(todo))):
        say("Nothing was changed. With --yes it is done.")
        return report
    done = [step for step in todo if carried_out(step, orders)]
    say(f"{plural(len({step.path for step in done}), 'file')} mended.")
    gone = {finding for step in done for finding in mends(step, report)}
    left = replace(report, findings=tuple(finding for finding in report.findings if finding not in gone))
    if left.counted:
        say(_REST.strip())
    return left


def facts(options: Namespace, orders: Orders, report: Report) -> Facts:
    """What proofs need to know of the project, with its environment, be that audited or not."""
    from leyden.audit.environment import places

    if options.no_environment:
        return facts_of(report, orders.versions, None)
    chosen = options.environment
    return facts_of(report, orders.versions, places.named(chosen) if chosen else places.usual(Path(orders.root)))


def told(step: Step) -> str:
    """One step in words."""
    path = printable(step.path)
    match step:
        case Tighten():
            return f"{path}: permissions {step.before:04o} become {step.after:04o}"
        case Convert():
            return (
                f"{path}: becomes a file of Leyden's format with {plural(step.tensors, 'tensor')}, which Leyden and "
                f"any reader of safetensors open and torch.load does not; the original stays as {path}{ORIGINAL}"
            )
        case Rewrite():
            return f"{path}: {printable('; '.join(step.changes))}"
        case Leave():
            return f"{path}: left as it is: {printable(step.reason)}"


def show_diff(step: Rewrite) -> None:
    """What the text becomes, in colour where standard error is a terminal that has it."""
    show = printer(sys.stderr)
    for line in diff(step.path, step.before, step.after):
        show([[(style_of(line), f"    {line}")]])


def style_of(line: str) -> Style:
    if line.startswith(("--- ", "+++ ", "@@ ")):
        return "quiet"
    return "added" if line.startswith("+") else "removed" if line.startswith("-") else "plain"


def carried_out(step: Step, orders: Orders) -> bool:
    """Do one step; what goes wrong is told and stops no other."""
    try:
        match step:
            case Tighten():
                tighten(step)
            case Convert():
                do_conversion(step, orders.limits, replacing)
            case Rewrite():
                rewrite(step, replacing)
            case Leave():
                return False
    except (LeydenError, OSError) as error:
        say(f"  {printable(step.path)}: not changed: {printable(str(error))}")
        return False
    return True


def agreed(steps: int) -> bool:
    """Ask, where there is somebody to ask."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"Do {plural(steps, 'step')}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def say(text: str) -> None:
    """To the side, so that a report on standard output stays one document."""
    print(text, file=sys.stderr)
