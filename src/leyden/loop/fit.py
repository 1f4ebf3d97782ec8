"""The main path: training, from the first batch to the last, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from math import inf
from time import monotonic
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from leyden.core.described import described
from leyden.core.metric_state import dump_metrics, metrics_in
from leyden.core.own_generators import dump_generators
from leyden.core.stage import RunningStage
from leyden.core.warnings import warn
from leyden.data.pulled import NoBatchError
from leyden.errors import ModuleError
from leyden.loop.closure import before_each_step
from leyden.loop.evaluate import evaluate
from leyden.loop.resume import go_on
from leyden.loop.run import Before, Run, standing
from leyden.runtime.seed import random_states
from leyden.runtime.signals import Terminated


def fit(run: Run) -> None:
    """Train until the plan says that it is finished."""
    run.log.open(RunningStage.TRAINING)  # what on_train_start logs belongs to the first epoch
    run.hooks.on_train_start()
    if run.resume is not None:
        go_on(run)
    run.validated_at = monotonic() - run.state.unvalidated
    while run.data.size and not run.plan.finished(run.state):
        train_epoch(run)
        run.state.count_epoch()
    run.hooks.on_train_end()


def train_epoch(run: Run) -> None:
    state, hooks, log = run.state, run.hooks, run.log
    if state.at == "epoch_start":  # else: resumed inside this epoch
        run.renew_data()
        log.open(RunningStage.TRAINING)
        state.at = "batch"
        state.step_before = state.step
        hooks.on_train_epoch_start()
    if state.at != "epoch_end":  # else: resumed in the hooks below
        train_batches(run)
        state.at = "epoch_end"
        log.end_batches()
        hooks.on_train_epoch_end()
    run.schedulers.after_epoch(state)
    run.write(log.epoch_metrics(), state.log_step, state.epoch)
    log.close()


def train_batches(run: Run) -> None:
    state, plan, hooks, log = run.state, run.plan, run.hooks, run.log
    if state.at == "batch" and plan.finished(state):  # asked to stop in on_train_epoch_start
        return
    state.last = state.last and state.batch > 0  # also where the loader gives no batch
    batches = run.data.batches(state.batch, state.epoch)
    while True:
        if state.at == "batch":  # else: resumed in what follows a batch
            taken = next(batches, None)
            if taken is None:
                break
            index, batch, last = taken
            state.begin_batch(last)
            batch = run.to_device(batch, 0)
            log.begin_batch(batch)
            if hooks.on_train_batch_start(batch, index) == -1:
                state.end_early()
                run.schedulers.after_batch(state, index, True)
                break
            plan = run.plan  # a hook may have changed the number of batches to a step
            closes = plan.closes_window(index, last)
            skipped = state.skipped
            try:
                output = run.step(run, batch, index, closes)  # automatic_step or closure_step, below
            except NoBatchError:
                log.hook = None
                break
            closes = closes and state.skipped == skipped
            run.schedulers.after_batch(state, index, closes)
            state.count_batch(closes)  # counted before anyone can save: a resume never replays
            if plan.val_seconds < inf:
                state.unvalidated = monotonic() - run.validated_at
            hooks.on_train_batch_end(output, batch, index)
        stepped = state.stepped > state.log_step
        if state.at == "batch_end":
            if stepped and plan.logs(state):
                run.write(log.step_metrics(), state.log_step, state.epoch)
            state.at = "validate" if plan.validates(state) else "validated"
        if state.at == "validate":
            validate(run, state.batch - 1)
        run.schedulers.after_validation(state.batch - 1, stepped)
        state.at = "batch"
        if run.status.received_sigterm:
            raise Terminated
        if plan.finished(state):
            break


def validate(run: Run, index: int) -> None:
    """The validation inside training, after batch ``index``."""
    validation = run.validation
    run.before_validation = Before(
        random_states(),
        list(validation.rows),
        run.log.state_dict(metrics_in(validation.module)),
        dump_metrics(validation.module),
        dump_generators(validation.module),
        standing(validation),
    )
    run.status.stage = RunningStage.VALIDATING
    if run.plan.closes_window(index, run.state.last):  # else: the gradients of an open window are still needed
        run.hooks.on_validation_model_zero_grad()
    run.state.unvalidated = 0.0
    evaluate(validation)
    run.validated_at = monotonic()
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
    output, ran = None, False

    def closure() -> Tensor | None:
        nonlocal output, ran
        ran = True
        output, loss = forward_backward(run, batch, index)
        return loss

    skipped = run.state.skipped
    with before_each_step(run.handed[0], partial(gradients_are_complete, run)):
        run.optimizer_step(index, closure)
    if run.state.skipped == skipped:
        run.state.step += 1
    if not ran:
        raise ModuleError(
            "optimizer_step() did not run the closure, so there was no forward and no backward pass. "
            "Call optimizer.step(closure=optimizer_closure), or optimizer_closure() before optimizer.step()."
        )
    return output


def manual_step(run: Run, batch: Any, index: int, closes_window: bool) -> Any:
    """The module runs backward and steps its optimizers itself, in ``training_step``."""
    run.log.hook = "training_step"
    output = run.training_step(batch, index)
    run.log.hook = None
    if isinstance(output, Mapping) and "loss" not in output:
        return dict(output)
    loss = loss_of(output)
    return {} if loss is None else seen_by_hooks(output, loss)


@contextmanager
def counted_steps(run: Run) -> Iterator[None]:
    """Inside, each step that the module takes with any of its optimizers is announced to the hooks and counted."""

    def count(*_: Any) -> None:
        if run.watch is None or not run.watch.left_out:
            run.state.step += 1

    with ExitStack() as stack:
        for optimizer, handed in zip(run.optimizers, run.handed, strict=True):
            stack.enter_context(before_each_step(handed, partial(announce_step, run, optimizer)))
            stack.callback(handed.register_step_post_hook(count).remove)
        yield


def announce_step(run: Run, optimizer: Optimizer) -> None:
    if run.watch is None or run.watch.passes(optimizer):
        run.hooks.on_before_optimizer_step(optimizer)


def gradients_are_complete(run: Run) -> None:
    if run.watch is not None and not run.watch.passes(run.optimizer):
        return
    run.hooks.on_before_optimizer_step(run.optimizer)
    run.clip_gradients()


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
        if run.processes > 1:
            raise ModuleError(
                f"training_step() returned None in one of {run.processes} processes, and the others would wait for its "
                "gradients. Return a loss of zero, such as 0.0 * output.sum(), where a batch is to be skipped."
            )
        warn("training_step() returned None, so the batch is skipped. Return the loss, unless that is meant.")
        return {}, None
    run.hooks.on_before_backward(loss)
    try:
        run.backward(loss)
    except RuntimeError as error:
        if problem := problem_with(loss):
            raise ModuleError(problem) from error
        raise
    run.hooks.on_after_backward()
    return seen_by_hooks(output, loss), loss


def seen_by_hooks(output: Any, loss: Tensor) -> dict[str, Any]:
    """What hooks get of the outputs of a step: a dict with the loss, cut off from its graph."""
    seen = {"loss": loss.detach()}
    return seen if isinstance(output, Tensor) else {**output, **seen}


def loss_of(output: Any) -> Tensor | None:
    """The loss in what ``training_step`` returned.

    Raises:
        ModuleError: it is neither a tensor, nor a dict with "loss", nor None.
    """
    if isinstance(output, Tensor) or output is None:
        return output
    if isinstance(output, Mapping) and isinstance(loss := output.get("loss"), Tensor):
        return loss
    found = f"a dict with the keys {list(output)}" if isinstance(output, Mapping) else described(output)
    raise ModuleError(
        f"training_step() returned {found}. Return the loss as a tensor, a dict with it under 'loss', or None to skip "
        "the batch."
    )


def problem_with(loss: Tensor) -> str | None:
    """Why a backward pass cannot start from this loss, if that is so."""
    if not loss.requires_grad:
        return (
            "training_step() returned a loss without a graph, so there are no gradients. Do not detach it, compute it "
            "outside of torch.no_grad(), and leave some of the parameters in it unfrozen."
        )
    if loss.numel() != 1:
        return (
            f"training_step() returned a loss of shape {tuple(loss.shape)}, which is not one number. Return its mean."
        )
    return None
