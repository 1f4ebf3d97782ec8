"""Rules about who may write."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_WHY: Final = (
    "Whoever may write a checkpoint decides what the next training starts from and, where it is unpickled, what runs. "
)

WRITABLE_FILE: Final = Rule(
    id="LEY501",
    name="writable-model",
    title="Others than its owner may change a model file",
    severity=Severity.MEDIUM,
    cwe=732,
    why=_WHY + "Another account on the machine, or a service that was broken into, is enough.",
    mend="`chmod go-w FILE`; `leyden audit --fix` does it.",
    bad=("-rw-rw-rw- model.ckpt",),
    good=("-rw-r--r-- model.ckpt", "-rw------- model.ckpt"),
)
WRITABLE_DIRECTORY: Final = Rule(
    id="LEY502",
    name="writable-directory",
    title="Others than its owner may replace the files in a directory",
    severity=Severity.MEDIUM,
    cwe=732,
    why=_WHY + "Who may write the directory replaces files in it, whatever their own permissions say.",
    mend="`chmod go-w DIRECTORY`; `leyden audit --fix` does it.",
    bad=("drwxrwxrwx checkpoints/",),
    good=("drwxr-xr-x checkpoints/", "drwx------ checkpoints/", "drwxrwxrwt /tmp (others' files cannot be replaced)"),
)

PERMISSIONS: Final[tuple[Rule, ...]] = (WRITABLE_FILE, WRITABLE_DIRECTORY)
