"""What ``self.log`` collects during a run, and what trainer, callbacks and loggers read of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any, cast, final

import torch
from torch import Tensor

from leyden.core.batch_size import batch_size_of, first_size
from leyden.core.board import Board
from leyden.core.log_state import dump_slots, load_slots
from leyden.core.published import Published
from leyden.core.slots import Flags, Key, Metric, Slot, is_metric, is_metric_collection
from leyden.core.stage import RunningStage
from leyden.core.turns import Rest
from leyden.errors import FormatError, LogError


@final
class Log:
    """Collects what is logged; nothing is moved, reduced or converted before somebody reads it.

    The loop calls ``open`` at the start of an epoch or evaluation, ``begin_batch`` for each batch, ``end_batches``
    after the last one and ``close`` at the end. Readers see the values of the batch in between, and those of the epoch
    before and after. An evaluation inside an epoch opens and closes its own board above that of the epoch, and counts
    as in between from its start.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self.hook: str | None = None
        self.rest: Rest | None = None  # who is still to be called in the hook that is running, or was ended by an error
        self.device = device if device is not None else torch.device("cpu")
        self._boards: list[Board] = []
        self._slots: dict[Key, Slot] = {}
        self._batch: Any = None
        self._batch_size: int | None = 1
        self._published = Published()
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
            slot = self._resolve(name, given, value)
            if slot.metric is not None:
                return
        if type(value) is Tensor and value.dtype is torch.float32 and not value.ndim:
            if value.requires_grad:
                value = value.detach()
            if slot.on_step:
                slot.last = value = value.clone()
        else:
            value = self._scalar(name, value)
            if slot.on_step:
                slot.last = value
        if slot.on_epoch:
            if batch_size is None:
                batch_size = self._batch_size
                if batch_size is None:
                    batch_size = self._batch_size = batch_size_of(self._batch)
            slot.add(value, batch_size)

    def log_dict(self, dictionary: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        """Take several values; the further arguments are those of ``log``."""
        if is_metric_collection(dictionary):
            # Its members may share their state; copies of it would be stale by the end of the epoch.
            items = cast("Any", dictionary).items(keep_base=False, copy_state=False)
        else:
            items = dictionary.items()
        for name, value in items:
            self.log(name, value, *args, **kwargs)

    def _resolve(self, name: str, given: tuple[Any, ...], value: Any) -> Slot:
        """The slot of a key that is new here or spelled otherwise than before, and of every metric object."""
        flags = Flags(*given).resolved(name, self.hook)
        slot = self._slots.get((self.hook, name))
        if slot is None:
            if not self._boards:
                raise LogError(
                    f"self.log({name!r}) in {self.hook}: no epoch or evaluation is running. Log it inside one."
                )
            slot = self._boards[-1].new_slot(str(self.hook), name, flags)
        elif slot.flags != flags:
            raise LogError(_conflict(name, self.hook, slot.flags, flags))
        metric = value if is_metric(value) else None
        unused = slot.metric is None and slot.last is None and slot.total is None
        if not unused and (metric is None) != (slot.metric is None):
            raise LogError(
                f"self.log({name!r}) in {self.hook} was called with a metric object and with a number; one name can be "
                "logged in one way only. Use another name for one of them."
            )
        slot.metric = metric
        slot.given = given if metric is None else None
        return slot

    def _scalar(self, name: str, value: Any) -> Tensor:
        """One number as a 0-d tensor of at least float32 that nobody else holds."""
        if isinstance(value, int | float | Real):
            # Filled on the device, so that nothing is copied there and nothing waits.
            return torch.scalar_tensor(float(value), dtype=_wide(), device=self.device)
        if isinstance(value, Tensor):
            if value.numel() != 1:
                raise LogError(
                    f"self.log({name!r}) in {self.hook}: a tensor of shape {tuple(value.shape)} is not one number. Log "
                    "its mean, or one of its elements."
                )
            wide = value.dtype is torch.float32 or value.dtype is torch.float64
            scalar = value.detach().reshape(())
            return scalar.clone() if wide else scalar.to(_wide())
        if is_metric(value):
            raise LogError(
                f"self.log({name!r}) in {self.hook} was called with a number before and with a metric object now; one "
                "name can be logged in one way only. Use another name for one of them."
            )
        raise LogError(
            f"self.log({name!r}) in {self.hook}: a value of type {type(value).__name__} is not a number. Log a number "
            "or a tensor of one element; for a dictionary of them, self.log_dict."
        )

    def open(self, stage: RunningStage, loaders: int = 1) -> None:
        """Begin a train epoch or an evaluation with an empty board.

        A train board that is open and has seen no batch is kept: it holds what was logged when training started.
        """
        self._publish()
        if stage is RunningStage.TRAINING:
            if self._boards and self._boards[-1].stage is stage and not self._boards[-1].begun:
                return
            self._boards.clear()
        board = Board(stage, loaders)
        board.begun = bool(self._boards)
        self._boards.append(board)
        self._no_batch()

    def begin_batch(self, batch: Any, loader: int = 0) -> None:
        """Say which batch is worked on and from which loader it came."""
        board = self._boards[-1]
        board.begun = True
        if loader != board.loader:
            self._publish()
            done = [slot for slot in self._slots.values() if slot.loader is not None]
            self._published.epoch(done)
            for slot in done:
                slot.freeze()
            board.loader = loader
            self._slots = board.slots[loader]
        self._batch = batch
        self._batch_size = None

    def end_batches(self) -> None:
        """Say that no batch is left: from now on readers see the values of the epoch."""
        self._publish()
        self._boards[-1].batches_over = True
        self._no_batch()

    def close(self) -> None:
        """End the epoch or evaluation: publish its values and go back to the epoch around it, if any."""
        board = self._boards[-1]
        board.batches_over = True
        self._publish()
        if board.stage is not RunningStage.TRAINING:
            loaders = range(len(board.slots))
            self._results = [_epoch_values(s for s in board.all() if s.loader in (None, i)) for i in loaders]
        self._boards.pop()
        self._no_batch()
        for slot in board.all():
            if slot.metric is not None:
                slot.metric.reset()

    def clear(self) -> None:
        """Forget everything, for a new run and after the sanity check."""
        self._boards.clear()
        self._no_batch()
        self._published.clear()
        self._results = []
        self.rest = None

    def _no_batch(self) -> None:
        board = self._boards[-1] if self._boards else None
        self._slots = board.slots[board.loader] if board is not None else {}
        self._batch = None
        self._batch_size = 1

    def step_metrics(self) -> dict[str, Tensor]:
        """What a row of the loggers holds for this batch: every step value of the epoch's board, or of the loader's."""
        values = ((slot.step_name, slot.of_step()) for slot in self._slots.values() if slot.flags.logger)
        return {name: value for name, value in values if value is not None}

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
        return self._published.callback

    @property
    def logged_metrics(self) -> dict[str, Tensor]:
        """Every value meant for the loggers, as last seen."""
        self._publish()
        return self._published.logged

    @property
    def progress_bar_metrics(self) -> dict[str, float]:
        """Every value meant for the progress bar, as a number; all are fetched at once."""
        self._publish()
        return floats(self._published.progress_bar)

    def _publish(self) -> None:
        if self._boards:
            board = self._boards[-1]
            # Callbacks get no step values of an evaluation.
            self._published.step(self._slots.values(), callback=board.stage is RunningStage.TRAINING)
            if board.batches_over or not board.begun:
                self._published.epoch(board.all())

    def state_dict(self, metrics: Mapping[str, Metric] = MappingProxyType({})) -> dict[str, Any]:
        """What is published, and the sums of the train epoch if one is open.

        Args:
            metrics: metric objects by name; one that is logged is named, and keeps its values itself.
        """
        self._publish()
        board = next((board for board in self._boards if board.stage is RunningStage.TRAINING), None)
        return {
            "published": self._published.state_dict(),
            "epoch": None if board is None else dump_slots(board.slots[0], metrics),
            "begun": board is not None and board.begun,
            "batches_over": board is not None and board.batches_over,
            "batch_size": self._size_of_batch() if board is not None and board is self._boards[-1] else 1,
        }

    def _size_of_batch(self) -> int | None:
        return first_size(self._batch) if self._batch_size is None else self._batch_size

    def evaluated(self, metrics: Mapping[str, Metric]) -> list[str]:
        """Of metric objects by name, those that an evaluation has logged which is not closed yet: that resets them."""
        boards = [board for board in self._boards if board.stage is not RunningStage.TRAINING]
        logged = {id(slot.metric) for board in boards for slot in board.all()}
        return [name for name, metric in metrics.items() if id(metric) in logged]

    def load_state_dict(self, state: Mapping[str, Any], metrics: Mapping[str, Metric] = MappingProxyType({})) -> None:
        """Go on where ``state_dict`` was taken, inside the same epoch if one was open.

        Args:
            state: what it gave.
            metrics: the metric objects by name.

        Raises:
            FormatError: an entry is missing, unknown or malformed; nothing is changed then.
        """
        entries = ("published", "epoch", "begun", "batches_over", "batch_size")
        _expect_entries(state, entries, "The state of the logged values")
        _expect_entries(state["published"], Published.__slots__, "Its entry 'published'")
        for name in ("begun", "batches_over"):
            if not isinstance(state[name], bool):
                raise FormatError(f"The state of the logged values has no bool under {name!r}.")
        size = state["batch_size"]
        if size is not None and (type(size) is not int or size < 0):
            raise FormatError("The state of the logged values has no number of samples under 'batch_size'.")
        slots = None if state["epoch"] is None else load_slots(state["epoch"], metrics)
        self._published.load_state_dict(state["published"])
        self._boards.clear()
        if slots is not None:
            board = Board(RunningStage.TRAINING, 1)
            board.slots = [slots]
            board.begun = state["begun"]
            board.batches_over = state["batches_over"]
            self._boards.append(board)
        self._no_batch()
        self._batch_size = size


def _wide() -> torch.dtype:
    """The type of numbers that come narrower: float32 under half precision too, which would round them."""
    default = torch.get_default_dtype()
    return default if default is torch.float64 else torch.float32


def _epoch_values(slots: Iterable[Slot]) -> dict[str, Tensor]:
    values = ((slot.epoch_name, slot.of_epoch()) for slot in slots if slot.flags.logger)
    return {name: value for name, value in values if value is not None}


def _conflict(name: str, hook: str | None, before: Flags, now: Flags) -> str:
    field, old, new = next(
        (field, old, new) for field, old, new in zip(Flags._fields, before, now, strict=True) if old != new
    )
    return (
        f"self.log({name!r}) in {hook} was called with {field}={old!r} before and with {field}={new!r} now; one name "
        "can be logged in one way only. Use the same arguments, or another name."
    )


def _expect_entries(state: Any, entries: Collection[str], what: str) -> None:
    if not isinstance(state, Mapping) or set(state) != set(entries):
        raise FormatError(f"{what} has not exactly the entries {', '.join(entries)}.")


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
