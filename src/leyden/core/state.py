"""State: where a run is. Plain data, all of it saved, so that a resume is exact."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, final, get_args

from leyden.errors import FormatError

FORMAT: Final = 2  # of what a checkpoint says of the run under the key "leyden"

At = Literal["epoch_start", "batch", "batch_end", "validate", "validated", "epoch_end"]
"""Where a resumed run goes on: before an epoch; before its next batch; after a batch was counted, with its row and its
validation to come; before that validation; after it, with the schedulers to come that watch it; after the batches."""

_AT: tuple[At, ...] = get_args(At)


@final
@dataclass
class State:
    """Where the run is. Every field is saved; what can be derived is a function."""

    epoch: int = 0  # epochs completed
    batch: int = 0  # batches completed in this epoch: also where a resume starts
    batches: int = 0  # batches completed in the run
    step: int = 0  # optimizer steps taken (Lightning's global_step)
    stepped: int = 0  # batches after which the optimizer stepped
    step_before: int = 0  # optimizer steps taken before this epoch
    log_step: int = 0  # the loggers' x axis: batches that had stepped before the current one
    unvalidated: float = 0.0  # seconds trained since the last validation, where validations go by time
    asked: int = 0  # the epoch in which the training loader was asked for
    val_asked: int = 0  # 1 + the epoch in which the validation loaders were asked for; 0: not yet
    skipped: int = 0  # steps left out since a loss or a gradient was not finite
    skipped_in_a_row: int = 0
    last: bool = False  # the current batch ends its epoch
    stop: bool = False  # someone asked to stop (trainer.should_stop)
    at: At = "epoch_start"  # where a run goes on that is resumed from a save made now

    def begin_fit(self) -> None:
        """Training begins, and not from a checkpoint."""
        self.stop = False
        self.unvalidated = 0.0
        self.asked = self.epoch
        self.val_asked = 0

    def begin_batch(self, last: bool) -> None:
        self.last = last
        self.log_step = self.stepped

    def end_early(self) -> None:
        """The current batch is not run, and the epoch ends before it; it counts in the run, as in Lightning."""
        self.batches += 1
        self.last = True
        self.log_step = max(self.stepped - 1, 0)

    def count_batch(self, stepped: bool) -> None:
        self.batch += 1
        self.batches += 1
        self.stepped += stepped
        self.at = "batch_end"

    def count_epoch(self) -> None:
        self.epoch += 1
        self.batch = 0
        self.log_step = self.stepped
        self.at = "epoch_start"

    def become(self, other: State) -> None:
        """Take over every field: the object stays the one that the whole run holds."""
        for own in fields(self):
            setattr(self, own.name, getattr(other, own.name))

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_state_dict(cls, saved: object) -> State:
        """Read a saved state back, field by field.

        Raises:
            FormatError: a field is missing, unknown, of another type, negative or beyond what can be counted.
        """
        if not isinstance(saved, Mapping):
            raise FormatError(f"the saved position of the run is a {type(saved).__name__}, not a dictionary")
        expected: dict[str, type] = {own.name: type(own.default) for own in fields(cls)}
        if saved.keys() != expected.keys():
            odd = sorted(saved.keys() ^ expected.keys())
            raise FormatError(
                f"the saved position of the run has missing or unknown fields: {', '.join(map(str, odd))}"
            )
        for name, kind in expected.items():
            value = saved[name]
            if type(value) is not kind or (isinstance(value, (int, float)) and not 0 <= value <= sys.maxsize):
                raise FormatError(
                    f"the saved position of the run has {name}={value!r}, which is not a valid {kind.__name__}"
                )
        if saved["at"] not in _AT:
            raise FormatError(f"the saved position of the run has at={saved['at']!r}; known are {', '.join(_AT)}")
        return cls(**saved)
