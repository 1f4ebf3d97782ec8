"""Rules about a run before it starts: the arguments of its Trainer and the checkpoints that it names."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

ARGUMENT_UNKNOWN: Final = Rule(
    id="LEY530",
    name="trainer-argument-unknown",
    title="The Trainer is given an argument that it does not know",
    severity=Severity.HIGH,
    cwe=None,
    why="The run ends with an error before its first step, perhaps after hours in a queue.",
    mend="Use the name that is meant; Leyden's Trainer takes its arguments by name alone.",
    bad=("leyden.Trainer(max_epoch=3)", "leyden.Trainer('gpu')"),
    good=("leyden.Trainer(max_epochs=3)",),
)
TRAINER_REFUSES: Final = Rule(
    id="LEY531",
    name="trainer-refuses",
    title="The Trainer would refuse its arguments here",
    severity=Severity.HIGH,
    cwe=None,
    why="A value has no meaning, two contradict each other, or this machine does not have what they ask for.",
    mend="Do what the message says; on another machine than this one, verify it there.",
    bad=("leyden.Trainer(min_epochs=5, max_epochs=3)", "leyden.Trainer(precision='16-fixed')"),
    good=("leyden.Trainer(min_epochs=3, max_epochs=5)", "leyden.Trainer(max_epochs=arguments.epochs)"),
)
NOT_LITERAL: Final = Rule(
    id="LEY532",
    name="trainer-arguments-not-known",
    title="Arguments of the Trainer are decided while the program runs",
    severity=Severity.INFO,
    cwe=None,
    why="They were not checked, since nothing of the program is run.",
    mend="Nothing; the Trainer checks them when the run starts.",
    bad=("leyden.Trainer(max_epochs=arguments.epochs)", "leyden.Trainer(**settings)"),
    good=("leyden.Trainer(max_epochs=3)",),
)
CHECKPOINT_MISSING: Final = Rule(
    id="LEY533",
    name="checkpoint-path-missing",
    title="The program loads a checkpoint that is not there",
    severity=Severity.MEDIUM,
    cwe=None,
    why="The run ends with an error when it comes to that line.",
    mend="Check the path; it counts from the directory in which the program is started.",
    bad=("leyden.Trainer().fit(model, ckpt_path='no/such.ckpt')",),
    good=("leyden.Trainer().fit(model, ckpt_path='last')", "leyden.Trainer().fit(model, ckpt_path=arguments.resume)"),
)
CHECKPOINT_REFUSED: Final = Rule(
    id="LEY534",
    name="checkpoint-path-refused",
    title="The program loads a checkpoint that Leyden would refuse",
    severity=Severity.HIGH,
    cwe=345,
    why="It was changed after it had been saved, or the policy does not admit who sealed it.",
    mend="Use another copy, or an earlier checkpoint; `leyden verify FILE` tells all about it.",
    bad=("leyden.Trainer().fit(model, ckpt_path='changed.ckpt')",),
    good=("leyden.Trainer().fit(model, ckpt_path='whole.ckpt')",),
)
RUN_NOT_CHECKED: Final = Rule(
    id="LEY535",
    name="arguments-not-checked",
    title="The arguments of the Trainer could not be checked",
    severity=Severity.MEDIUM,
    cwe=None,
    why="What they mean is decided with torch: which devices there are, and which precision they have.",
    mend="Run it with the Python that trains, where torch is installed, and on a file that can be read.",
    blind=True,
    bad=("torch is not installed", "a configuration that is no YAML"),
    good=("torch is installed",),
)

DOCTOR: Final[tuple[Rule, ...]] = (
    ARGUMENT_UNKNOWN,
    TRAINER_REFUSES,
    NOT_LITERAL,
    CHECKPOINT_MISSING,
    CHECKPOINT_REFUSED,
    RUN_NOT_CHECKED,
)
