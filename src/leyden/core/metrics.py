"""What ``self.log`` collects during a run, and what trainer, callbacks and loggers read of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, final

import torch
from torch import Tensor

from leyden.core.batch_size import batch_size_of
from leyden.core.slots import Flags, Slot
from leyden.core.stage import RunningStage
from leyden.errors import LogError

_Key = tuple[str | None, str]


@final
class _Board:
    """The slots of one epoch of training or of one evaluation, by hook and name, for each loader."""

    __slots__ = ("batches_over", "loader", "slots", "stage")

    def __init__(self, stage: RunningStage, loaders: int) -> None:
        self.stage = stage
        self.loader = 0
        self.slots: list[dict[_Key, Slot]] = [{} for _ in range(max(loaders, 1))]
        self.batches_over = False

    def all(self) -> Iterable[Slot]:
        return (slot for slots in self.slots for slot in slots.values())


@final
class Log:
    """Collects what is logged; nothing is moved, reduced or converted before somebody reads it.

    The loop calls ``open`` at the start of an epoch or evaluation, ``begin_batch`` for each batch, ``end_batches``
    after the last one (from then on readers see the values of the epoch) and ``close`` at the end. An evaluation inside
    an epoch opens and closes its own board above that of the epoch.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self.hook: str | None = None
        self.device = device if device is not None else torch.device("cpu")
        self._boards: list[_Board] = []
        self._slots: dict[_Key, Slot] = {}
        self._batch: Any = None
        self._batch_size: int | None = 1
        self._callback_metrics: dict[str, Tensor] = {}
        self._logged_metrics: dict[str, Tensor] = {}
        self._progress_bar_metrics: dict[str, Tensor] = {}
        self._results: list[dict[str, Tensor]] = []

    def log(
        self,
        name: str,
        value: Any,
        prog_bar: bool = False,
        logger: bool | None = None,
        on_step: bool | None = None,
        on_epoch: bool | None = None,
        reduce_fx: Any = "mean",
        enable_graph: bool = False,
        sync_dist: bool = False,
        sync_dist_group: Any = None,
        add_dataloader_idx: bool = True,
        batch_size: int | None = None,
        metric_attribute: str | None = None,
        rank_zero_only: bool = False,
    ) -> None:
        """Take a value under a name; the arguments are those of ``Module.log``."""
        given = (prog_bar, logger, on_step, on_epoch, reduce_fx, enable_graph, add_dataloader_idx, rank_zero_only)
        slot = self._slots.get((self.hook, name))
        if slot is None or slot.given != given:
            slot = self._resolve(name, Flags(*given))
        if type(value) is not Tensor or value.dtype is not torch.float32 or value.ndim:
            value = self._scalar(name, value)
        value = value.detach()
        if slot.on_step:
            slot.last = value.clone()
        if slot.on_epoch:
            if batch_size is None:
                batch_size = self._batch_size
                if batch_size is None:
                    batch_size = self._batch_size = batch_size_of(self._batch)
            slot.add(value, batch_size)

    def log_dict(self, dictionary: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        """Take several values; the further arguments are those of ``log``."""
        for name, value in dictionary.items():
            self.log(name, value, *args, **kwargs)

    def _resolve(self, name: str, given: Flags) -> Slot:
        """The slot of a key that is new here, or that is now logged with other arguments."""
        flags = given.resolved(name, self.hook)
        if not self._boards:
            raise LogError(f"self.log({name!r}) in {self.hook}: no epoch or evaluation is running. Log it inside one.")
        key = (self.hook, name)
        slot = self._slots.get(key)
        if slot is not None:
            if slot.flags != flags:
                raise LogError(_conflict(name, self.hook, slot.flags, flags))
            return slot
        if not isinstance(name, str):
            raise LogError(f"self.log({name!r}) in {self.hook}: a name is a str, not {type(name).__name__}.")
        if "/dataloader_idx_" in name and flags.add_dataloader_idx:
            raise LogError(
                f"self.log({name!r}) in {self.hook}: the ending '/dataloader_idx_N' is added for you. Leave it out of "
                "the name, or pass add_dataloader_idx=False."
            )
        board = self._boards[-1]
        batchwise = not (self.hook is not None and _once(self.hook))
        loader = board.loader if batchwise and len(board.slots) > 1 else None
        if loader is not None and not flags.add_dataloader_idx:
            other = next((i for i, slots in enumerate(board.slots) if key in slots), None)
            if other is not None:
                raise LogError(
                    f"self.log({name!r}, add_dataloader_idx=False) in {self.hook}: loaders {other} and {loader} would "
                    "write to the same name. Leave add_dataloader_idx out, or give each loader a name of its own."
                )
        suffix = f"/dataloader_idx_{loader}" if loader is not None and flags.add_dataloader_idx else ""
        slot = self._slots[key] = Slot(name, given, flags, loader, suffix)
        return slot

    def _scalar(self, name: str, value: Any) -> Tensor:
        """One number as a 0-d tensor of at least float32."""
        if isinstance(value, Tensor):
            if value.numel() != 1:
                raise LogError(
                    f"self.log({name!r}) in {self.hook}: a tensor of shape {tuple(value.shape)} is not one number. Log "
                    "its mean, or one of its elements."
                )
            scalar = value.reshape(())
            if scalar.dtype is torch.float32 or scalar.dtype is torch.float64:
                return scalar
            return scalar.to(torch.get_default_dtype())
        if isinstance(value, Real):
            # Filled on the device, so that nothing is copied there and nothing waits.
            return torch.scalar_tensor(float(value), device=self.device)
        raise LogError(
            f"self.log({name!r}) in {self.hook}: a value of type {type(value).__name__} is not a number. Log a number "
            "or a tensor of one element; for a dictionary of them, self.log_dict."
        )

    def open(self, stage: RunningStage, loaders: int = 1) -> None:
        """Begin a train epoch or an evaluation with an empty board."""
        self._publish()
        if stage is RunningStage.TRAINING:
            self._boards.clear()
        self._boards.append(_Board(stage, loaders))
        self._no_batch()

    def begin_batch(self, batch: Any, loader: int = 0) -> None:
        """Say which batch is worked on and from which loader it came."""
        self._batch = batch
        self._batch_size = None
        board = self._boards[-1]
        if loader != board.loader:
            self._publish()
            self._publish_epoch(board.slots[board.loader].values())
            board.loader = loader
            self._slots = board.slots[loader]

    def end_batches(self) -> None:
        """Say that no batch is left: from now on readers see the values of the epoch."""
        self._boards[-1].batches_over = True
        self._no_batch()

    def close(self) -> None:
        """End the epoch or evaluation: publish its values and go back to the epoch around it, if any."""
        board = self._boards[-1]
        board.batches_over = True
        self._publish()
        if board.stage is not RunningStage.TRAINING:
            everywhere = [slot for slot in board.all() if slot.loader is None]
            self._results = [
                _epoch_values([*(slot for slot in slots.values() if slot.loader == i), *everywhere])
                if len(board.slots) > 1
                else _epoch_values(slots.values())
                for i, slots in enumerate(board.slots)
            ]
        self._boards.pop()
        self._no_batch()

    def clear(self) -> None:
        """Forget everything, for a new run and after the sanity check."""
        self._boards.clear()
        self._no_batch()
        self._callback_metrics.clear()
        self._logged_metrics.clear()
        self._progress_bar_metrics.clear()
        self._results = []

    def _no_batch(self) -> None:
        board = self._boards[-1] if self._boards else None
        self._slots = board.slots[board.loader] if board is not None else {}
        self._batch = None
        self._batch_size = 1

    def step_metrics(self) -> dict[str, Tensor]:
        """What a row of the loggers holds for this batch: every step value of the epoch's board, or of the loader's."""
        return {
            slot.step_name: slot.last for slot in self._slots.values() if slot.last is not None and slot.flags.logger
        }

    def epoch_metrics(self) -> dict[str, Tensor]:
        """What a row of the loggers holds for the epoch or evaluation: every reduced value."""
        return _epoch_values(self._boards[-1].all())

    def results(self) -> list[dict[str, Tensor]]:
        """What the last evaluation logged for its epoch, for each of its loaders: the answer of ``trainer.test``."""
        return self._results

    @property
    def callback_metrics(self) -> dict[str, Tensor]:
        """Every value that callbacks may act on, by its forked and by its bare name."""
        self._publish()
        return self._callback_metrics

    @property
    def logged_metrics(self) -> dict[str, Tensor]:
        """Every value meant for the loggers, as last seen."""
        self._publish()
        return self._logged_metrics

    @property
    def progress_bar_metrics(self) -> dict[str, float]:
        """Every value meant for the progress bar, as a number; all are fetched at once."""
        self._publish()
        return floats(self._progress_bar_metrics)

    def _publish(self) -> None:
        if not self._boards:
            return
        board = self._boards[-1]
        for slot in self._slots.values():
            value = slot.last
            if value is None:
                continue
            if board.stage is RunningStage.TRAINING:
                # Callbacks get no step values of an evaluation.
                self._callback_metrics[slot.bare_name] = value
                self._callback_metrics[slot.step_name] = value
            if slot.flags.logger:
                self._logged_metrics[slot.step_name] = value
            if slot.flags.prog_bar:
                self._progress_bar_metrics[slot.step_name] = value
        if board.batches_over:
            self._publish_epoch(board.all())

    def _publish_epoch(self, slots: Iterable[Slot]) -> None:
        for slot in slots:
            value = slot.reduced()
            if value is None:
                continue
            self._callback_metrics[slot.bare_name] = value
            self._callback_metrics[slot.epoch_name] = value
            if slot.flags.logger:
                self._logged_metrics[slot.epoch_name] = value
            if slot.flags.prog_bar:
                self._progress_bar_metrics[slot.epoch_name] = value


def _once(hook: str) -> bool:
    """Does the hook run once an epoch, for all loaders together?"""
    return not hook.endswith(("_step", "_batch_start", "_batch_end"))


def _epoch_values(slots: Iterable[Slot]) -> dict[str, Tensor]:
    values = ((slot.epoch_name, slot.reduced()) for slot in slots if slot.flags.logger)
    return {name: value for name, value in values if value is not None}


def _conflict(name: str, hook: str | None, before: Flags, now: Flags) -> str:
    field, old, new = next(
        (field, old, new) for field, old, new in zip(Flags._fields, before, now, strict=True) if old != new
    )
    return (
        f"self.log({name!r}) in {hook} was called with {field}={old!r} before and with {field}={new!r} now; one name "
        "can be logged in one way only. Use the same arguments, or another name."
    )


def floats(metrics: Mapping[str, Tensor]) -> dict[str, float]:
    """The values as Python numbers, exact, with one transfer for each device and dtype."""
    groups: dict[tuple[torch.device, torch.dtype], list[str]] = {}
    for name, value in metrics.items():
        groups.setdefault((value.device, value.dtype), []).append(name)
    numbers: dict[str, float] = {}
    for names in groups.values():
        numbers.update(zip(names, torch.stack([metrics[name] for name in names]).tolist(), strict=True))
    return {name: numbers[name] for name in metrics}


def row(metrics: Mapping[str, Tensor], step: int, epoch: int | None = None) -> tuple[dict[str, float], int]:
    """A row for the loggers and its place on their axis; a value logged as ``step`` is that place.

    A row of the axis' own carries the epoch, unless a value is logged under that name.
    """
    values = floats(metrics)
    place = values.pop("step", None)
    if place is not None:
        return values, int(place)
    if epoch is not None:
        values.setdefault("epoch", epoch)
    return values, step
