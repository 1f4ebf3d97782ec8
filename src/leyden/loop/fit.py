"""The main path: training, from the first batch to the last, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from torch import Tensor

from leyden.core.stage import RunningStage
from leyden.errors import ModuleError
from leyden.loop.evaluate import evaluate
from leyden.loop.run import Run
from leyden.runtime.seed import restore_random_states


def fit(run: Run) -> None:
    """Train until the plan says that it is finished."""
    run.since = monotonic() - run.state.elapsed
    run.log.open(RunningStage.TRAINING)  # what on_train_start logs belongs to the first epoch
    run.hooks.on_train_start()
    if run.resume is not None:
        pick_up(run)
    while not run.plan.finished(run.state):
        train_epoch(run)
        run.state.count_epoch()
    run.hooks.on_train_end()


def train_epoch(run: Run) -> None:
    state, hooks, log = run.state, run.hooks, run.log
    if state.at == "epoch_start":  # else: resumed inside this epoch
        log.open(RunningStage.TRAINING)
        state.at = "batch"
        hooks.on_train_epoch_start()
    if state.at == "validate":  # resumed where a validation was due
        validate(run, state.batch - 1)
    if state.at == "batch":  # else: resumed in the hooks below
        train_batches(run)
        state.at = "epoch_end"
        log.end_batches()
        hooks.on_train_epoch_end()
    run.schedulers.after_epoch(state)
    run.write(log.epoch_metrics(), state.log_step, state.epoch)
    log.close()


def train_batches(run: Run) -> None:
    state, plan, hooks, log = run.state, run.plan, run.hooks, run.log
    if plan.finished(state):  # asked to stop in on_train_epoch_start
        return
    for index, batch, last in run.data.batches(state.batch, state.epoch):
        state.begin_batch(last)
        batch = run.to_device(batch, 0)
        log.begin_batch(batch)
        if hooks.on_train_batch_start(batch, index) == -1:
            state.end_early()
            run.schedulers.after_batch(state, index, True)
            break
        closes = plan.closes_window(index, last)
        output = run.step(run, batch, index, closes)  # automatic_step or closure_step, below
        run.schedulers.after_batch(state, index, closes)
        state.count_batch(closes, monotonic() - run.since)  # counted before anyone can save: a resume never replays
        if plan.validates(state):
            state.at = "validate"  # what a save in the hooks below resumes with
        hooks.on_train_batch_end(output, batch, index)
        if closes and plan.logs(state):
            run.write(log.step_metrics(), state.log_step, state.epoch)
        if plan.validates(state):  # asked again: a hook may have asked to stop
            validate(run, index)
        run.schedulers.after_validation(index, closes)
        if plan.finished(state):
            break


def validate(run: Run, index: int) -> None:
    """The validation inside training, after batch ``index``."""
    run.status.stage = RunningStage.VALIDATING
    if run.plan.closes_window(index, run.state.last):  # else: the gradients of an open window are still needed
        run.hooks.on_validation_model_zero_grad()
    evaluate(run.validation)
    run.status.stage = RunningStage.TRAINING


def automatic_step(run: Run, batch: Any, index: int, closes_window: bool) -> Any:
    """Forward, backward and, at the end of a window, the optimizer's step."""
    output, _ = forward_backward(run, batch, index)
    if closes_window:
        run.hooks.on_before_optimizer_step(run.optimizer)
        run.clip_gradients()
        run.optimizer.step()
        run.state.step += 1
    return output


def closure_step(run: Run, batch: Any, index: int, closes_window: bool) -> Any:
    """The same where the optimizer, or the module's own ``optimizer_step``, decides when the forward pass runs."""
    if not closes_window:
        return forward_backward(run, batch, index)[0]
    output: Any = None

    def closure() -> Tensor | None:
        nonlocal output
        output, loss = forward_backward(run, batch, index)
        run.hooks.on_before_optimizer_step(run.optimizer)
        run.clip_gradients()
        return loss

    run.optimizer_step(index, closure)
    run.state.step += 1
    return output


def forward_backward(run: Run, batch: Any, index: int) -> tuple[Any, Tensor | None]:
    """Compute the gradients of a batch; returns what hooks see of its outputs, and the loss."""
    run.log.hook = "training_step"
    output = run.training_step(batch, index)
    run.log.hook = None
    loss = loss_of(output)
    if loss is not None and run.plan.accumulate > 1:
        loss = loss / run.plan.accumulate  # so that the gradients of a window are a mean
    if run.plan.opens_window(index):
        run.hooks.on_before_zero_grad(run.optimizer)
        run.zero_grad(index)
    if loss is None:
        return {}, None
    run.hooks.on_before_backward(loss)
    run.backward(loss)
    run.hooks.on_after_backward()
    outputs = {"loss": loss.detach()}
    return (outputs if isinstance(output, Tensor) else {**output, **outputs}), loss


def loss_of(output: Any) -> Tensor | None:
    """The loss in what ``training_step`` returned.

    Raises:
        ModuleError: it is neither a tensor, nor a dict with "loss", nor None.
    """
    if isinstance(output, Tensor) or output is None:
        return output
    if isinstance(output, Mapping) and isinstance(loss := output.get("loss"), Tensor):
        return loss
    found = f"a dict with the keys {list(output)}" if isinstance(output, Mapping) else f"a {type(output).__name__}"
    raise ModuleError(
        f"training_step() returned {found}. Return the loss as a tensor, a dict with it under 'loss', or None to skip "
        "the batch."
    )


def pick_up(run: Run) -> None:
    """Stand exactly where the checkpoint was made: in the data, in the metrics so far, in the random numbers."""
    resume, state = run.resume, run.state
    assert resume is not None
    run.resume = None
    if state.at != "epoch_start":
        run.log.open(RunningStage.TRAINING)
    run.log.load_state_dict(resume.log)
    run.validation.rows[:] = resume.validation_rows
    run.data.rewind(resume.data, state.batch, state.epoch)
    restore_random_states(resume.random)
