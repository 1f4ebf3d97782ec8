"""``leyden audit --fix``: shows what it would do, and does it after a yes."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace

from leyden.audit.engine import Orders
from leyden.audit.fix.apply import do_conversion, tighten
from leyden.audit.fix.plan import ORIGINAL, Convert, Leave, Step, Tighten, plan
from leyden.audit.formats.plain import plural, printable
from leyden.audit.report import Report
from leyden.audit.rules.permissions import PERMISSIONS
from leyden.errors import LeydenError
from leyden.security.paths import replacing


def mend(options: Namespace, orders: Orders, report: Report) -> Report:
    """Show the plan and carry it out if that is wanted; returns the report without what is mended."""
    steps = list(plan(report, orders.limits, conversion=not options.no_convert))
    say("")
    for step in steps:
        say(f"  {told(step)}")
    todo = [step for step in steps if not isinstance(step, Leave)]
    if not todo:
        say("There is nothing that --fix can mend.")
        return report
    if not (options.yes or agreed(len(todo))):
        say("Nothing was changed. With --yes it is done.")
        return report
    done = {step.path for step in todo if carried_out(step, orders)}
    say(f"{plural(len(done), 'file')} mended.")
    permissions = {rule.id for rule in PERMISSIONS}
    left = (one for one in report.findings if not (one.rule in permissions and one.place.path in done))
    return replace(report, findings=tuple(left))


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
        case Leave():
            return f"{path}: left as it is: {printable(step.reason)}"


def carried_out(step: Step, orders: Orders) -> bool:
    """Do one step; what goes wrong is told and stops no other."""
    try:
        match step:
            case Tighten():
                tighten(step)
            case Convert():
                do_conversion(step, orders.limits, replacing)
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
