"""A plan for the project that was audited, as Markdown: what to do, in which order, and how to see that it is done."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.finding import Finding, Rule, Severity, sorted_findings
from leyden.audit.formats.guide_parts import EACH, VERSIONS, after_all, again, checkpoints, command, why_not_whole
from leyden.audit.formats.markdown import argument, block, code, place, prose
from leyden.audit.formats.plain import amount, plural
from leyden.audit.report import Proposal, Report

_MOST_PLACES: Final = 25
_MOST_PATHS: Final = 6  # in one command
_WHEN: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "Do today",
    Severity.HIGH: "Do today",
    Severity.MEDIUM: "Do this week",
    Severity.LOW: "Do when you work on it next",
    Severity.INFO: "Do when you work on it next",
}


@final
@dataclass(frozen=True)
class Step:
    """All findings of one rule, the worst first."""

    rule: Rule
    findings: tuple[Finding, ...]
    proposals: tuple[Proposal, ...]

    @property
    def severity(self) -> Severity:
        return self.findings[0].severity

    @property
    def due(self) -> str:
        return "Find out" if self.rule.blind else _WHEN[self.severity]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(finding.place.path for finding in self.findings))


def document(report: Report) -> Iterator[str]:
    """The guide. All that comes from a file stands in it as text: no link, no HTML, no secret."""
    steps = steps_of(report)
    yield from _head(report, steps)
    yield from _first(report)
    title = ""
    for number, step in enumerate(steps, 1):
        due = step.due
        if due != title:
            title = due
            yield f"## {title}\n\n"
            if step.rule.blind:
                yield why_not_whole(sum(len(one.findings) for one in steps if one.rule.blind))
        yield from _step(number, step, report)
    yield from checkpoints(report)
    yield from after_all(report)


def steps_of(report: Report) -> list[Step]:
    """One for each rule that found something: the worst first, and last what could not be looked at."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in sorted_findings(report.counted):
        by_rule.setdefault(finding.rule, []).append(finding)
    steps = [
        Step(
            report.rules[rule],
            tuple(findings),
            tuple(one for one in report.proposals if any(finding.rule == rule for finding in one.findings)),
        )
        for rule, findings in by_rule.items()
    ]
    return sorted(steps, key=lambda step: (step.rule.blind, -step.severity, -len(step.findings), step.rule.id))


def _head(report: Report, steps: Sequence[Step]) -> Iterator[str]:
    yield f"# What to do about {', '.join(map(code, report.paths))}\n\n"
    looked = f"{plural(report.files, 'file')} ({amount(report.bytes)}) in {report.seconds:.1f} s"
    yield f"`leyden audit` looked at {looked}, on {report.started:%Y-%m-%d at %H:%M} UTC, in {code(report.root)}.\n"
    if not steps:
        yield "It found nothing that has to be done.\n\n"
        return
    numbers = ", ".join(f"**{number:,} {severity.name.lower()}**" for severity, number in report.severities().items())
    yield f"It found {plural(len(report.counted), 'thing')} to mend: {numbers}.\n\n"
    yield (
        "Go from top to bottom: the worst comes first. Run the commands in that directory. Before you begin, commit "
        "your work or copy it away, so that you can go back. `leyden explain RULE` tells more about a rule.\n\n"
    )
    yield "| step | rule | what | risk | places |\n| --- | --- | --- | --- | --- |\n"
    for number, step in enumerate(steps, 1):
        risk = step.severity.name.lower()
        yield f"| {number} | {step.rule.id} | {prose(step.rule.title)} | {risk} | {len(step.findings):,} |\n"
    yield "\n"


def _first(report: Report) -> Iterator[str]:
    for proposal in report.proposals:
        if not proposal.findings:
            yield f"{prose(proposal.text)}\n\n"
    mended = sum(len(proposal.findings) for proposal in report.proposals if proposal.automatic)
    if mended:
        yield (
            f"## Let it mend what it can\n\n{plural(mended, 'place')} can be mended by a command. It changes programs "
            "only where nothing that works is different afterwards, shows each change, and asks before it does it:\n\n"
        )
        yield block([command(report.paths, " --fix --no-convert")], "sh") + "\n"
        changes = [line for proposal in report.proposals if proposal.automatic for line in proposal.diff]
        if changes:
            yield "These are the changes of texts:\n\n" + block(changes, "diff") + "\n"
        yield (
            "If it has raised a version, install what the project requires again, and run the tests. Then make the "
            "guide again: what is done is no longer in it.\n\n"
        )


def _step(number: int, step: Step, report: Report) -> Iterator[str]:
    rule = step.rule
    yield f"### {number}. {prose(rule.title)}\n\n"
    yield f"*{step.severity.name.lower()}, {rule.id} {rule.name}, {plural(len(step.findings), 'place')}*\n\n"
    yield f"**Why.** {prose(rule.why)}\n\n"
    yield from _places(step)
    for mend in dict.fromkeys(finding.mend or rule.mend for finding in step.findings):
        yield f"**Do.** {prose(mend)}\n\n"
    each = list(_each(step))
    if each:
        yield block(each, "sh") + "\n"
    if rule.id in VERSIONS:
        yield "Newer versions are safer by themselves. Raise them in what the project requires, too:\n\n"
        yield block([VERSIONS[rule.id]], "sh") + "\n"
    yield from _changes(step.proposals)
    yield f"**Done** when this no longer says {rule.id}:\n\n"
    checked = dict.fromkeys(map(_checked, step.findings))
    paths = tuple(checked) if len(checked) <= _MOST_PATHS else report.paths
    yield block([again(rule, paths, report)], "sh") + "\n"


def _checked(finding: Finding) -> str:
    """What to audit again: the program, or the directory of a file that may have to go."""
    path = finding.place.path
    return path if finding.place.line is not None else os.path.dirname(path) or "."  # noqa: PTH120


def _places(step: Step) -> Iterator[str]:
    """A list to tick off; what is the same everywhere is said once."""
    messages = {finding.message for finding in step.findings}
    by_itself = {finding for proposal in step.proposals if proposal.automatic for finding in proposal.findings}
    yield f"**Where.** {prose(step.findings[0].message)}\n\n" if len(messages) == 1 else "**Where.**\n\n"
    for finding in step.findings[:_MOST_PLACES]:
        worse = f" ({finding.severity.name.lower()})" if finding.severity is not step.severity else ""
        said = f": {prose(finding.message)}" if len(messages) > 1 else ""
        made = " (`--fix` does it)" if finding in by_itself else ""
        yield f"- [ ] {place(finding.place)}{worse}{said}{made}\n"
    if len(step.findings) > _MOST_PLACES:
        yield f"- [ ] and {plural(len(step.findings) - _MOST_PLACES, 'more place')}, which `leyden audit` shows\n"
    yield "\n"


def _each(step: Step) -> Iterator[str]:
    """A command for each file, where there is one."""
    template = EACH.get(step.rule.id)
    if template is not None:
        for path in step.paths[:_MOST_PLACES]:
            yield template.format(argument(path))


def _changes(proposals: Sequence[Proposal]) -> Iterator[str]:
    for proposal in proposals:
        if not (proposal.automatic or proposal.diff):  # in a notebook, which has no lines of its own
            path = code(proposal.findings[0].place.path)
            yield f"**In** {path}, {prose(proposal.text)}. {prose(proposal.caution)}\n\n"
    decided = [proposal for proposal in proposals if not proposal.automatic and proposal.diff]
    for caution in dict.fromkeys(proposal.caution for proposal in decided):
        yield f"**A change that would do it**, if you decide so. {prose(caution)}\n\n"
        lines = [line for proposal in decided if proposal.caution == caution for line in proposal.diff]
        yield block(lines, "diff") + "\n"
