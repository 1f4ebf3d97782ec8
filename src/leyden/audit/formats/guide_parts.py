"""What the guide says in every project: commands of single rules, and how to keep it clean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from leyden.audit.finding import Rule, Severity
from leyden.audit.formats.markdown import argument, block, place
from leyden.audit.formats.plain import plural
from leyden.audit.report import Report
from leyden.audit.rules.code_loads import TORCH_BY_DEFAULT
from leyden.audit.rules.code_training import BY_DEFAULT, HPARAMS_FILE
from leyden.audit.rules.code_training import ENVIRONMENT as FROM_ENVIRONMENT
from leyden.audit.rules.environment import ENVIRONMENT
from leyden.audit.rules.host import HOST
from leyden.audit.rules.online import ONLINE
from leyden.audit.rules.permissions import WRITABLE_DIRECTORY, WRITABLE_FILE
from leyden.audit.rules.runs import RUNS

_LIGHTNING: Final = "pip install 'torch>=2.6' 'lightning>=2.6.6'   # or pytorch-lightning, if that is its name here"
VERSIONS: Final[Mapping[str, str]] = {
    TORCH_BY_DEFAULT.id: "pip install 'torch>=2.6'",
    **dict.fromkeys((BY_DEFAULT.id, FROM_ENVIRONMENT.id, HPARAMS_FILE.id), _LIGHTNING),
}
# What looks at more than files, and how it is asked to.
_BESIDES: Final = ((ENVIRONMENT, ""), (RUNS, ""), (ONLINE, " --online"), (HOST, " --host"))
# For each file.
EACH: Final[Mapping[str, str]] = {WRITABLE_FILE.id: "chmod go-w {}", WRITABLE_DIRECTORY.id: "chmod go-w {}"}

_PICKLED: Final = ("torch-zip", "torch-legacy")
_MOST: Final = 10
_REVIEW: Final = timedelta(days=180)


def command(paths: Sequence[str], options: str = "") -> str:
    """An audit of some paths; that of the directory as a whole looks at what is installed and has run there too."""
    named = "" if tuple(paths) == (".",) else "".join(f" {argument(path)}" for path in paths)
    return f"leyden audit{options}{named}"


def again(rule: Rule, paths: Sequence[str], report: Report) -> str:
    """The audit that says whether there is still something for a rule."""
    severity = f" --severity {report.threshold.name.lower()}" if report.threshold is Severity.INFO else ""
    for rules, options in _BESIDES:
        if rule in rules:
            return command((".",), options + severity)
    return command(paths, severity)


def why_not_whole(number: int) -> str:
    return (
        f"{plural(number, 'time')} something could not be looked at, so nobody knows whether there is more. The audit "
        "ends with 2 until that is mended, or accepted by name.\n\n"
    )


def checkpoints(report: Report) -> Iterator[str]:
    """Pickles that nothing was found in: safe as they are, and no longer if somebody replaces them."""
    found = {finding.place.path for finding in report.findings}
    models = [
        artifact
        for artifact in report.artifacts
        if artifact.format in _PICKLED and not artifact.place.inside and artifact.place.path not in found
        and not artifact.place.path.endswith(".orig")
    ]  # fmt: skip
    if not models:
        return
    yield (
        "## Get rid of pickles\n\n"
        f"Nothing was found in {plural(len(models), 'checkpoint')} of torch, but each is a pickle: "
        "whoever replaces it decides what the program that loads it runs. Write it as a file that holds data alone. "
        "Leyden and any reader of safetensors load that; `torch.load` does not, so change the program with it.\n\n"
    )
    for model in models[:_MOST]:
        yield f"- [ ] {place(model.place)}\n"
    if len(models) > _MOST:
        yield f"- [ ] and {len(models) - _MOST:,} more\n"
    path = models[0].place.path
    stem, dot, suffix = path.rpartition(".")
    target = f"{stem}.leyden.{suffix}" if dot and "/" not in suffix else f"{path}.leyden"
    yield "\n" + block([f"leyden convert {argument(path)} {argument(target)}"], "sh") + "\n"


def after_all(report: Report) -> Iterator[str]:
    """How it stays as it is."""
    until = (report.started + _REVIEW).date().isoformat()
    yield "## Keep it so\n\n"
    yield "**What stays on purpose** gets a reason and a day on which you look again, on its line:\n\n"
    rule = next((finding.rule for finding in report.counted if finding.place.line is not None), "LEY201")
    yield block([f'# leyden: ignore[{rule}] reason="why it is no risk here" until={until}'], "python")
    yield "\nFor a file that cannot hold a comment, in `pyproject.toml`:\n\n"
    table = ("[[tool.leyden.audit.suppress]]", 'rule = "LEY103"', 'path = "models/old/*.pt"')
    yield block((*table, 'reason = "loaded by nobody"', f"until = {until}"), "toml")
    if report.counted:
        yield "\n**Too much for now?** Write down what is known, and count only what is new:\n\n"
        yield block(
            ["leyden audit --write-baseline audit-baseline.json", "leyden audit --baseline audit-baseline.json"], "sh"
        )
    yield "\n**Now and then**, to hear what is new since the last time:\n\n" + block(["leyden audit --save"], "sh")
    yield "\n**Before each commit**, as `.git/hooks/pre-commit`, which has to be executable:\n\n"
    yield block(["#!/bin/sh", "exec leyden audit --since HEAD"], "sh")
    yield (
        "\n**In continuous integration**, run `leyden audit`: it ends with 0 if there is nothing, 1 if there is "
        "something, 2 if something could not be looked at.\n"
    )
