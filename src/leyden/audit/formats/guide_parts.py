"""What the guide says in every project: commands of single rules, and how to keep it clean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from leyden.audit.formats.markdown import argument, block, place
from leyden.audit.formats.plain import plural
from leyden.audit.report import Report
from leyden.audit.rules.code_loads import TORCH_BY_DEFAULT
from leyden.audit.rules.code_training import BY_DEFAULT, ENVIRONMENT, HPARAMS_FILE
from leyden.audit.rules.permissions import WRITABLE_DIRECTORY, WRITABLE_FILE

_LIGHTNING: Final = "pip install 'torch>=2.6' 'lightning>=2.6.6'   # or pytorch-lightning, if that is its name here"
VERSIONS: Final[Mapping[str, str]] = {
    TORCH_BY_DEFAULT.id: "pip install 'torch>=2.6'",
    **dict.fromkeys((BY_DEFAULT.id, ENVIRONMENT.id, HPARAMS_FILE.id), _LIGHTNING),
}
# For each file.
EACH: Final[Mapping[str, str]] = {WRITABLE_FILE.id: "chmod go-w {}", WRITABLE_DIRECTORY.id: "chmod go-w {}"}

_PICKLED: Final = ("torch-zip", "torch-legacy")
_MOST: Final = 10
_REVIEW: Final = timedelta(days=180)
_HOOK: Final = (
    "# .pre-commit-config.yaml",
    "repos:",
    "  - repo: local",
    "    hooks:",
    "      - id: leyden-audit",
    "        name: leyden audit",
    "        entry: leyden audit",
    "        language: system",
    "        pass_filenames: false",
)


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
    yield block([f'# leyden: ignore[{rule}] reason="only files that we wrote" until={until}'], "python")
    yield "\nFor a file that cannot hold a comment, in `pyproject.toml`:\n\n"
    table = ("[[tool.leyden.audit.suppress]]", 'rule = "LEY103"', 'path = "models/old/*.pt"')
    yield block((*table, 'reason = "loaded by nobody"', f"until = {until}"), "toml")
    if report.counted:
        yield "\n**Too much for now?** Write down what is known, and count only what is new:\n\n"
        yield block(
            ["leyden audit --write-baseline audit-baseline.json", "leyden audit --baseline audit-baseline.json"], "sh"
        )
    yield "\n**Before each commit**, with pre-commit:\n\n" + block(_HOOK, "yaml")
    yield (
        "\n**In continuous integration**, run `leyden audit`: it ends with 0 if there is nothing, 1 if there is "
        "something, 2 if something could not be looked at.\n"
    )
