"""Rules about checkpoints of Leyden's: their seals, and where their runs have written them."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_COPY: Final = "Use another copy, or an earlier checkpoint; `leyden verify DIRECTORY` tells all about the run."

SEAL_BROKEN: Final = Rule(
    id="LEY520",
    name="seal-does-not-fit",
    title="A sealed file is not what was sealed",
    severity=Severity.HIGH,
    cwe=353,
    why="Its header or its tensors were changed after somebody had signed for them. Leyden refuses to load it.",
    mend=_COPY,
    bad=("a checkpoint of Leyden's with one changed byte in its header",),
    good=("a checkpoint of Leyden's as it was saved", "a safetensors file of another program"),
)
MOVED: Final = Rule(
    id="LEY521",
    name="checkpoint-moved",
    title="A checkpoint was rolled back, swapped or planted",
    severity=Severity.HIGH,
    cwe=345,
    why=(
        "It is whole, and not what a run of yours wrote last in this place, as the record beside your keys shows. "
        "Training would go on from what somebody else has chosen."
    ),
    mend="Find out who replaced it. " + _COPY,
    bad=("last.ckpt of save 2 where the run wrote save 3",),
    good=("last.ckpt of save 3 where the run wrote save 3",),
)
GONE: Final = Rule(
    id="LEY522",
    name="checkpoint-gone",
    title="The newest checkpoint of a run is gone",
    severity=Severity.MEDIUM,
    cwe=345,
    why="What is left is older, and looks like the end of the run to whoever resumes it.",
    mend="Restore it, if nobody has deleted it on purpose; if somebody has, delete the record of the run.",
    bad=("the record ends with save 3 in last.ckpt, and there is no such file",),
    good=("the record ends with save 3 in last.ckpt",),
)
EDITED: Final = Rule(
    id="LEY523",
    name="record-edited",
    title="Somebody else has changed the record of a run",
    severity=Severity.HIGH,
    cwe=345,
    why="The record shows what was rolled back. Its lines are signed with your key, and this one is not.",
    mend="Find out who can write to Leyden's directory. If you changed it yourself, delete the record.",
    bad=("a line that your key has not signed",),
    good=("lines that your key, or one that you trust, has signed",),
)
NOT_CHECKED: Final = Rule(
    id="LEY524",
    name="run-not-checked",
    title="Checkpoints of a run could not be compared with its record",
    severity=Severity.MEDIUM,
    cwe=None,
    why="The audit says nothing about what it could not look at: a rolled-back file can hide exactly there.",
    mend="`leyden verify --identity FILE DIRECTORY` opens encrypted ones; otherwise mend what the message names.",
    blind=True,
    bad=("an encrypted checkpoint", "a policy that cannot be read"),
    good=("a sealed checkpoint",),
)
RUN_NOTE: Final = Rule(
    id="LEY525",
    name="run-note",
    title="Something about a run is worth knowing",
    severity=Severity.INFO,
    cwe=None,
    why="Copies, branches and runs of other machines are no alarm, and yet not what a record vouches for.",
    mend="Nothing, if you know it.",
    bad=("checkpoints that were copied here",),
    good=("checkpoints where their run wrote them",),
)
REFUSED: Final = Rule(
    id="LEY526",
    name="checkpoint-refused",
    title="A checkpoint of a run cannot be used any more",
    severity=Severity.HIGH,
    cwe=353,
    why="It was changed or damaged after it had been saved, or its key is one that your policy does not admit.",
    mend=_COPY,
    bad=("a checkpoint with a changed tensor", "a checkpoint that is sealed by a key which you have revoked"),
    good=("a checkpoint as it was saved",),
)

SEALS: Final[tuple[Rule, ...]] = (SEAL_BROKEN,)
RUNS: Final[tuple[Rule, ...]] = (MOVED, GONE, EDITED, NOT_CHECKED, RUN_NOTE, REFUSED)
