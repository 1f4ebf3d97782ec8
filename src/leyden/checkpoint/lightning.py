"""Checkpoints of Lightning's, as the runs of Leyden know them: what older versions called otherwise, and the position.

Lightning counts around its hooks, and a checkpoint can be made in any of them, so the counts tell in which.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, Final, NoReturn, final

from packaging.version import InvalidVersion, Version

from leyden.core.metrics import Log
from leyden.core.state import FORMAT, At, State
from leyden.errors import FormatError

DESCRIBED: Final = ("hparams", "module_arguments")  # what "hyper_parameters" were called
CALLBACKS: Final = "callbacks"
_SCALERS: Final = ("MixedPrecisionPlugin", "NativeMixedPrecisionPlugin", "native_amp_scaling_state")
_OPTIMIZERS: Final = (  # automatic and manual, by the names of their loops in 2.x, 1.9 and before
    ("epoch_loop.automatic_optimization.optim_progress", "optimizer", "step"),
    ("epoch_loop.manual_optimization.optim_step_progress",),
    ("epoch_loop.optimizer_loop.optim_progress", "optimizer", "step"),
    ("epoch_loop.manual_loop.optim_step_progress",),
    ("epoch_loop.batch_loop.optimizer_loop.optim_progress", "optimizer", "step"),
    ("epoch_loop.batch_loop.manual_loop.optim_step_progress",),
)
_COUNTING: Final = Version("1.6.0")  # before it, the loops did not say how many steps and epochs there were
_GONE: Final = re.compile(r", 'save_on_train_epoch_end': (?:True|False|None)(?=[,}])")


def as_checkpoint(tree: Any, where: str) -> dict[str, Any]:
    """What a pickled file holds, as a checkpoint; a run can go on from it if it has states of optimizers.

    FormatError where it is no dictionary with text for keys, or where its counts cannot be.
    """
    if not isinstance(tree, dict) or not all(type(key) is str for key in tree):
        raise FormatError(
            f"{where} holds a {type(tree).__name__} and is no checkpoint, which is a dictionary with text for keys. "
            "Read it with torch.load(..., weights_only=True)."
        )
    checkpoint = dict(tree)
    _rename(checkpoint)
    if isinstance(callbacks := checkpoint.get(CALLBACKS), Mapping):
        checkpoint[CALLBACKS] = {_state_key(key): state for key, state in callbacks.items()}
    if "optimizer_states" in checkpoint and "leyden" not in checkpoint:
        checkpoint["leyden"] = _training_state(checkpoint, where)
    return checkpoint


def version_of(checkpoint: Mapping[str, Any]) -> str | None:
    """The version of Lightning that wrote a checkpoint, if it says so."""
    version = checkpoint.get("pytorch-lightning_version")
    return version if type(version) is str else None


def _rename(checkpoint: dict[str, Any]) -> None:
    for name in DESCRIBED:
        if name in checkpoint:
            checkpoint.setdefault("hyper_parameters", checkpoint.pop(name))
    for name in _SCALERS:
        if name in checkpoint:
            checkpoint.setdefault("MixedPrecision", checkpoint.pop(name))


def _state_key(key: Any) -> Any:
    """How a callback is called today."""
    return _GONE.sub("", key) if type(key) is str else key


def _training_state(checkpoint: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Leyden's part of a checkpoint: the position; that no random numbers are known, nor any values of the epoch."""
    counts = _Counts(checkpoint, where)
    state = counts.state()
    log = Log().state_dict()
    if state.at != "epoch_start":
        log |= {"epoch": [], "batches_over": False}
    position = {"inside": state.at == "batch", "skipped": state.batch, "states": counts.loader_states()}
    return {
        "format": FORMAT,
        "state": state.state_dict(),
        "random": None,
        "data": None if state.at == "epoch_start" else position,
        "log": log,
        "validation_rows": [],
        "metrics": {},
        "generators": {},
        "evaluated": [],
        "validation": None,
        "rest": None,
        "gradients": {},
    }


@final
class _Counts:
    """The counters of one checkpoint."""

    def __init__(self, checkpoint: Mapping[str, Any], where: str) -> None:
        self._where = where
        self._checkpoint = checkpoint
        loops = checkpoint.get("loops")
        fit = loops.get("fit_loop") if isinstance(loops, Mapping) else None
        self._fit = fit if isinstance(fit, Mapping) and not self._is_older() else None

    def state(self) -> State:
        """Where a run goes on: as Lightning does, but inside an epoch after the batches that were done."""
        if self._fit is None:
            epoch, step = self._number(self._checkpoint, "epoch"), self._number(self._checkpoint, "global_step")
            return State(
                epoch=epoch, batches=step, step=step, stepped=step, step_before=step, log_step=step, asked=epoch
            )
        epochs = self._progress("epoch_progress", "total")
        batches = self._progress("epoch_loop.batch_progress", "current")
        done = self._progress("epoch_loop.batch_progress", "total")["processed"]
        at, batch = self._place(epochs, batches)
        epoch = epochs["processed"] if at == "epoch_start" else epochs["completed"]
        step, in_epoch = self._steps()
        stepped = self._stepped()
        # Lightning counts a batch as stepped only after its validation.
        stepped += at != "epoch_start" and batch > 0 and step > stepped and batches["ready"] == batches["processed"]
        before = max(step - in_epoch, 0)
        last = at == "epoch_start" and self._flag("epoch_loop.batch_progress", "is_last_batch")
        return State(epoch, batch, done, step, stepped, before, log_step=stepped, asked=epoch, last=last, at=at)

    def _place(self, epochs: Mapping[str, int], batches: Mapping[str, int]) -> tuple[At, int]:
        if epochs["ready"] == epochs["processed"]:  # between two epochs, or in the hooks at the end of one
            return "epoch_start", 0
        if epochs["started"] == epochs["completed"]:  # in on_train_epoch_start, before any batch
            return "batch", 0
        # After the last batch of an epoch comes its end: neither a validation nor a scheduler that watches a metric is
        # made up for, since the values of the epoch are not in the file.
        over = self._flag("epoch_loop.batch_progress", "is_last_batch") and batches["processed"] == batches["ready"]
        return "validated" if over else "batch", batches["processed"]

    def loader_states(self) -> list[Any]:
        """What loaders with a state of their own said."""
        part = self._fit.get("state_dict") if self._fit is not None else None
        states = part.get("combined_loader", []) if isinstance(part, Mapping) else []
        return states if isinstance(states, list) else self._refuse("combined_loader")

    def _is_older(self) -> bool:
        try:
            return Version(version_of(self._checkpoint) or "") < _COUNTING
        except InvalidVersion:
            return False

    def _steps(self) -> tuple[int, int]:
        """Steps of optimizers, in the run and in the epoch."""
        found = [self._at(*path) for path in _OPTIMIZERS]
        parts = [part for part in found if part is not None]
        if not parts:
            return self._number(self._checkpoint, "global_step"), 0
        total, current = (
            sum(self._number(self._mapping(part.get(kind), "optim_progress"), "completed") for part in parts)
            for kind in ("total", "current")
        )
        return total, current

    def _stepped(self) -> int:
        part = self._at("epoch_loop.state_dict")
        if part is not None and "_batches_that_stepped" in part:
            return self._number(part, "_batches_that_stepped")
        return self._number(self._checkpoint, "global_step")

    def _progress(self, name: str, kind: str) -> dict[str, int]:
        part = self._mapping(self._mapping(self._at(name), name).get(kind), name)
        return {count: self._number(part, count) for count in ("ready", "started", "processed", "completed")}

    def _flag(self, name: str, flag: str) -> bool:
        value = self._mapping(self._at(name), name).get(flag, False)
        return value if type(value) is bool else self._refuse(flag)

    def _at(self, first: str, *more: str) -> Mapping[str, Any] | None:
        assert self._fit is not None
        part = self._fit.get(first)
        for name in more:
            part = part.get(name) if isinstance(part, Mapping) else None
        return part if isinstance(part, Mapping) else None

    def _mapping(self, value: object, name: str) -> Mapping[str, Any]:
        return value if isinstance(value, Mapping) else self._refuse(name)

    def _number(self, part: Mapping[str, Any], name: str) -> int:
        value = part.get(name, 0)
        return value if type(value) is int and 0 <= value <= sys.maxsize else self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        raise FormatError(
            f"{self._where}: its counts of what was trained are not as Lightning writes them ({name}). Load its "
            "weights with load_from_checkpoint(), or resume from another checkpoint."
        )
