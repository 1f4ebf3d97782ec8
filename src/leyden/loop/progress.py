"""Lightning's counters, derived from State: what programs read in ``fit_loop`` and under ``loops`` in a checkpoint."""

from __future__ import annotations

from typing import Any, NamedTuple

from leyden.core.state import State

# The hooks between the fetching of a batch and its being counted.
IN_BATCH = frozenset(
    (
        "on_train_batch_start",
        "training_step",
        "on_before_zero_grad",
        "optimizer_zero_grad",
        "on_before_backward",
        "backward",
        "on_after_backward",
        "on_before_optimizer_step",
        "configure_gradient_clipping",
        "optimizer_step",
        "lr_scheduler_step",
    )
)


class Counts(NamedTuple):
    """How many of a thing were fetched, begun, worked on and finished with all their hooks."""

    ready: int = 0
    started: int = 0
    processed: int = 0
    completed: int = 0


class Progress(NamedTuple):
    """Counts of the whole run, and of the current round of it."""

    total: Counts = Counts()
    current: Counts = Counts()
    is_last_batch: bool = False


def epoch_progress(state: State) -> Progress:
    """Epochs of a run."""
    begun = state.epoch + (state.at != "epoch_start")
    counts = Counts(begun, begun, state.epoch + (state.at == "epoch_end"), state.epoch)
    return Progress(counts, counts)


def batch_progress(state: State, hook: str | None) -> Progress:
    """Training batches of a run and of its epoch, as they stand in a hook: Lightning counts around the hooks."""
    fetched = hook in IN_BATCH
    begun = fetched and hook != "on_train_batch_start"
    ending = hook == "on_train_batch_end"

    def counts(done: int) -> Counts:
        return Counts(done + fetched, done + begun, done, done - ending)

    return Progress(counts(state.batches), counts(state.batch), state.last)


def loops_of(state: State, hook: str | None) -> dict[str, Any]:
    """The ``loops`` entry of a checkpoint that is made in a hook."""
    steps = Progress(Counts(*[state.step] * 4), Counts(*[state.step - state.step_before] * 4))
    batches, epochs, none = batch_progress(state, hook), epoch_progress(state), Progress()
    ready, started, every = ("ready", "completed"), ("ready", "completed", "started"), Counts._fields
    # Lightning counts a batch as stepped only after its validation.
    inside = hook is not None and (hook == "on_train_batch_end" or hook.startswith("on_validation"))
    stepped = state.log_step if inside else state.stepped
    return {
        "fit_loop": {
            "state_dict": {},
            "epoch_loop.state_dict": {"_batches_that_stepped": stepped},
            "epoch_loop.batch_progress": {**_both(batches, every), "is_last_batch": state.last},
            "epoch_loop.scheduler_progress": _both(none, ready),
            "epoch_loop.automatic_optimization.state_dict": {},
            "epoch_loop.automatic_optimization.optim_progress": {
                "optimizer": {
                    "step": _both(steps, ready),
                    "zero_grad": _both(steps, started),
                }
            },
            "epoch_loop.manual_optimization.state_dict": {},
            "epoch_loop.manual_optimization.optim_step_progress": _both(none, ready),
            "epoch_loop.val_loop.state_dict": {},
            "epoch_loop.val_loop.batch_progress": {**_both(none, every), "is_last_batch": False},
            "epoch_progress": _both(epochs, every),
        },
        "validate_loop": {"state_dict": {}, "batch_progress": {**_both(none, every), "is_last_batch": False}},
        "test_loop": {"state_dict": {}, "batch_progress": {**_both(none, every), "is_last_batch": False}},
        "predict_loop": {"state_dict": {}, "batch_progress": _both(none, every)},
    }


def _both(progress: Progress, names: tuple[str, ...]) -> dict[str, Any]:
    total, current = progress.total._asdict(), progress.current._asdict()
    return {"total": {name: total[name] for name in names}, "current": {name: current[name] for name in names}}
