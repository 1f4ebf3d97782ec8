"""``leyden explain``: what a rule of the audit means."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from leyden.cli.command import Command

HELP = "Tell what a rule of the audit means, why it matters and how to mend what it finds."


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("rule", metavar="RULE", nargs="?", help="its id or name (default: list all rules)")


def run(options: Namespace) -> int:
    from leyden.audit import explain
    from leyden.audit.rules.every import RULES

    if options.rule is None:
        for rule in RULES.values():
            print(f"{rule.id}  {rule.severity.name.lower():<8}  {rule.name:<28}  {rule.title}")
    else:
        print(explain.markdown(explain.find(RULES, options.rule)), end="")
    return 0


EXPLAIN = Command(HELP, arguments, run)
