"""Lightning's counters, derived from State: what programs read under ``loops`` in a checkpoint."""

from __future__ import annotations

from typing import Any

from leyden.core.state import State

Counts = dict[str, int]


def loops_of(state: State, in_batch_end: bool) -> dict[str, Any]:
    """The ``loops`` entry of a checkpoint.

    Args:
        state: where the run is.
        in_batch_end: is the checkpoint made in ``on_train_batch_end``? Lightning completes the batch after that hook.
    """
    completed = state.batch - in_batch_end
    ended = state.at == "epoch_end"
    begun = int(state.at != "epoch_start")
    epochs = {"ready": state.epoch + begun, "completed": state.epoch, "started": state.epoch + begun}
    epochs["processed"] = state.epoch + ended
    optimizer = {
        "step": {"total": _ready(state.step), "current": _ready(state.step)},
        "zero_grad": {"total": _started(state.step), "current": _started(state.step)},
    }
    return {
        "fit_loop": {
            "state_dict": {},
            "epoch_loop.state_dict": {"_batches_that_stepped": state.log_step if in_batch_end else state.stepped},
            "epoch_loop.batch_progress": {
                "total": _batches(state.batches, state.batches - in_batch_end),
                "current": _batches(state.batch, completed),
                "is_last_batch": state.last,
            },
            "epoch_loop.scheduler_progress": {"total": _ready(0), "current": _ready(0)},
            "epoch_loop.automatic_optimization.state_dict": {},
            "epoch_loop.automatic_optimization.optim_progress": {"optimizer": optimizer},
            "epoch_loop.manual_optimization.state_dict": {},
            "epoch_loop.manual_optimization.optim_step_progress": {"total": _ready(0), "current": _ready(0)},
            "epoch_loop.val_loop.state_dict": {},
            "epoch_loop.val_loop.batch_progress": _no_batches(),
            "epoch_progress": {"total": dict(epochs), "current": dict(epochs)},
        },
        "validate_loop": {"state_dict": {}, "batch_progress": _no_batches()},
        "test_loop": {"state_dict": {}, "batch_progress": _no_batches()},
        "predict_loop": {"state_dict": {}, "batch_progress": {"total": _batches(0, 0), "current": _batches(0, 0)}},
    }


def _ready(count: int) -> Counts:
    return {"ready": count, "completed": count}


def _started(count: int) -> Counts:
    return {"ready": count, "completed": count, "started": count}


def _batches(count: int, completed: int) -> Counts:
    return {"ready": count, "completed": completed, "started": count, "processed": count}


def _no_batches() -> dict[str, Any]:
    return {"total": _batches(0, 0), "current": _batches(0, 0), "is_last_batch": False}
