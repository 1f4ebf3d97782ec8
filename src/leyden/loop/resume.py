"""How a run goes on where a checkpoint was made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from leyden.core.metric_state import load_metrics, metrics_in
from leyden.core.own_generators import load_generators
from leyden.core.stage import RunningStage
from leyden.core.turns import Listener, in_turn, looks_at, still_to_call
from leyden.core.warnings import warn
from leyden.loop.evaluate import evaluation_mode
from leyden.loop.run import Resume, Run
from leyden.runtime.seed import restore_random_states


def go_on(run: Run) -> None:
    """Stand where the checkpoint was made, and do what was still to be done there."""
    with run.loading():
        resume = pick_up(run)
    catch_up(run, resume)


def pick_up(run: Run) -> Resume:
    """Stand exactly where the checkpoint was made: in the data, in the metrics so far, in the random numbers.

    Returns:
        What the run had still to pick up, for ``catch_up``.

    Raises:
        CheckpointError: the data is other data than that of the checkpoint.
    """
    resume, state, validation = run.resume, run.state, run.validation
    assert resume is not None
    if resume.data is not None:  # else: made before training, and the random numbers were restored there
        if state.at != "epoch_start":
            run.log.open(RunningStage.TRAINING)
        run.data.rewind(resume.data, state.batch, state.epoch)
        if resume.validation is not None:
            run.status.stage = validation.stage
            validation.data.ready()
            run.status.stage = RunningStage.TRAINING
            validation.data(renew=False).load_state_dict(resume.validation)
        run.log.load_state_dict(resume.log, metrics_in(validation.module))
        load_metrics(resume.metrics, validation.module)
        load_generators(resume.generators, validation.module)
        validation.rows[:] = resume.validation_rows
        if resume.random is not None:
            restore_random_states(resume.random)
    run.resume = None
    return resume


def catch_up(run: Run, resume: Resume) -> None:
    """Do what was still to be done of the hook in which the checkpoint was made.

    That is calling those who come after the one that saved; but not with a batch that nobody has any more, and not
    those who use what an epoch or a validation has collected in memory.
    """
    if resume.rest is None:
        return
    hook, validation = resume.rest["hook"], run.validation
    rest = still_to_call(resume.rest, run.hooks.turns[hook])
    match hook:
        case "on_train_epoch_start":
            call_again(run, hook, rest)
        case "on_train_batch_end":
            unknown = (0, 1, 2) if run.data.pulls else (0, 1)  # the outputs and the batch, and what it was numbered
            again = [one for one in rest if not looks_at(one.call, unknown)]
            report(hook, [one for one in rest if one not in again], "the batch and the outputs of its step")
            call_again(run, hook, again, None, None, run.state.batch - 1)
        case _:
            again = [one for one in rest if one.owner is not None and one.owner.catches_up]
            report(hook, [one for one in rest if one not in again], "what has been collected in memory until then")
            if hook == "on_train_epoch_end":
                call_again(run, hook, again)
                return
            run.status.stage = validation.stage
            with validation.no_grad(), evaluation_mode(validation.module, None, validation.hooks.model_train):
                call_again(run, hook, again)
                for name, metric in metrics_in(validation.module).items():
                    if name in resume.evaluated:
                        metric.reset()
            run.status.stage = RunningStage.TRAINING


def call_again(run: Run, hook: str, rest: Sequence[Listener], *args: Any) -> None:
    """Call listeners in their turn; one that fails has kept something in memory that it needs, and is reported."""
    guarded = [Listener(one.owner, partial(_or_report, hook, one)) for one in rest]
    in_turn(hook, guarded, run.log)(*args)


def _or_report(hook: str, listener: Listener, *args: Any) -> None:
    try:
        listener.call(*args)
    except _FAILURES as error:
        warn(
            f"{hook} of {listener.name} was still to be called when the checkpoint was made, and fails now "
            f"({type(error).__name__}: {error}), so the run goes on without it. Let it keep what it needs in the state "
            "that is saved, or save in a callback that comes after it."
        )


def report(hook: str, left_out: Sequence[Listener], unknown: str) -> None:
    if left_out:
        warn(
            f"{hook} of {', '.join(one.name for one in left_out)} was still to be called when the checkpoint was made, "
            f"and is not called now, since a checkpoint does not have {unknown}."
        )


# What code does that does not find what it has kept.
_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
