"""TQDMProgressBar: the progress bar that a trainer has unless told otherwise."""

from __future__ import annotations

import os
import sys
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, TypeGuard, final

from leyden.callbacks.progress_bar import ProgressBar
from leyden.callbacks.tqdm_bar import Tqdm
from leyden.core.stage import TrainerFn
from leyden.errors import DetachedError, SettingsError

if TYPE_CHECKING:
    from tqdm.std import tqdm

    from leyden.api.module import Module
    from leyden.trainer import Trainer

    Bar = tqdm[Any]


@final
class _Next:
    """What comes next on the screen; apart from the callback, whose own attributes are watched and slow to set."""

    __slots__ = ("draw", "drawn", "evaluation", "inside_epoch", "stale", "train")

    def __init__(self) -> None:
        self.train: float = inf  # batches of this epoch after which its bar moves
        self.evaluation: float = inf  # batches of the running loader after which its bar moves
        self.draw = -inf  # the clock's time before which nothing is drawn
        self.drawn = -inf  # the clock's time of the last drawing
        self.stale = False  # the bar of training shows less than is known
        self.inside_epoch = False  # it stands at an epoch, not yet at the run as a whole


class TQDMProgressBar(ProgressBar):
    """Bars for training, validation, testing and prediction, drawn by tqdm.

    Without a terminal or notebook there is a line for each epoch instead, and one each minute within it.

    Args:
        refresh_rate: move the bar after so many batches; 0 shows no bar. However small it is, the screen is drawn no
            more often than the bar's ``mininterval`` says (0.1 seconds).
        process_position: lines to leave free above, where several programs share a terminal.
        leave: keep the bar of each epoch on the screen.
    """

    catches_up: ClassVar[bool] = True

    BAR_FORMAT = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"

    def __init__(self, refresh_rate: int = 1, process_position: int = 0, leave: bool = False) -> None:
        super().__init__()
        self._refresh_rate = _at_least_as_asked(refresh_rate)
        self._process_position = process_position
        self._leave = leave
        self._enabled = True
        self._next = _Next()
        self._train_progress_bar: Bar | None = None
        self._val_progress_bar: Bar | None = None
        self._test_progress_bar: Bar | None = None
        self._predict_progress_bar: Bar | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Copies and spawned processes start without the bars, which belong to this screen."""
        bars = {name: None for name in self.__dict__ if name.endswith("_progress_bar")}
        return {**self.__dict__, **bars, "_trainer": None, "_attached": None, "_next": _Next()}

    @property
    def train_progress_bar(self) -> Bar:
        """The bar of training."""
        return _there(self._train_progress_bar, "train")

    @train_progress_bar.setter
    def train_progress_bar(self, bar: Bar) -> None:
        self._train_progress_bar = bar

    @property
    def val_progress_bar(self) -> Bar:
        """The bar of validation, and of the validation that comes before training."""
        return _there(self._val_progress_bar, "val")

    @val_progress_bar.setter
    def val_progress_bar(self, bar: Bar) -> None:
        self._val_progress_bar = bar

    @property
    def test_progress_bar(self) -> Bar:
        """The bar of testing."""
        return _there(self._test_progress_bar, "test")

    @test_progress_bar.setter
    def test_progress_bar(self, bar: Bar) -> None:
        self._test_progress_bar = bar

    @property
    def predict_progress_bar(self) -> Bar:
        """The bar of prediction."""
        return _there(self._predict_progress_bar, "predict")

    @predict_progress_bar.setter
    def predict_progress_bar(self, bar: Bar) -> None:
        self._predict_progress_bar = bar

    @property
    def refresh_rate(self) -> int:
        """Batches after which the bar moves."""
        return self._refresh_rate

    @property
    def process_position(self) -> int:
        """Lines left free above the bars."""
        return self._process_position

    @property
    def is_enabled(self) -> bool:
        """Is anything shown?"""
        return self._enabled and self.refresh_rate > 0

    @property
    def is_disabled(self) -> bool:
        """Is nothing shown?"""
        return not self.is_enabled

    def disable(self) -> None:
        """Show nothing from here on."""
        self._enabled = False
        self._next.train = self._next.evaluation = inf

    def enable(self) -> None:
        """Show progress again."""
        self._enabled = True
        self._next.train = self._next.evaluation = 0

    def init_sanity_tqdm(self) -> Bar:
        """The bar of the validation that comes before training; override it to change it, as for the others."""
        return self._new_bar(self.sanity_check_description, leave=False)

    def init_train_tqdm(self) -> Bar:
        """The bar of training."""
        return self._new_bar(self.train_description, smoothing=0)

    def init_validation_tqdm(self) -> Bar:
        """The bar of validation, below that of training where there is one."""
        below_training = self.trainer.state.fn != TrainerFn.VALIDATING
        return self._new_bar(self.validation_description, below=below_training, leave=not below_training)

    def init_test_tqdm(self) -> Bar:
        """The bar of testing."""
        return self._new_bar(self.test_description)

    def init_predict_tqdm(self) -> Bar:
        """The bar of prediction."""
        return self._new_bar(self.predict_description, smoothing=0)

    def print(self, *args: Any, sep: str | None = " ", **kwargs: Any) -> None:
        """Print above the bars."""
        bar = next((bar for bar in self._bars() if not bar.disable), None)
        if bar is not None:
            bar.write((" " if sep is None else sep).join(map(str, args)), **kwargs)
        elif self._trainer is None or self._trainer.is_global_zero:
            super().print(*args, **(kwargs if sep == " " else {**kwargs, "sep": sep}))

    def on_sanity_check_start(self, trainer: Trainer, pl_module: Module) -> None:
        self.val_progress_bar = self.init_sanity_tqdm()

    def on_sanity_check_end(self, trainer: Trainer, pl_module: Module) -> None:
        self.val_progress_bar.close()

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._open_training()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        if self._leave:
            if not self._next.inside_epoch:  # the bar of no epoch
                self.train_progress_bar.leave = False
                self.train_progress_bar.close()
            self._open_training()
        self._begin_epoch(trainer, done=0)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int) -> None:
        upcoming = self._next
        if batch_idx + 1 < upcoming.train:
            return
        if not upcoming.inside_epoch:
            self._begin_epoch(trainer, done=batch_idx)  # the run goes on inside an epoch
        bar = self._train_progress_bar
        assert bar is not None
        bar.n = batch_idx + 1
        upcoming.train = self._after(batch_idx + 1, bar.total)
        upcoming.stale = True
        if monotonic() >= upcoming.draw:
            self._draw_training(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        bar = self.train_progress_bar
        if self._shows(bar):
            self._next.stale = True  # its metrics are new
            if monotonic() >= (self._next.drawn + bar.line_gap if _writes_lines(bar) else self._next.draw):
                self._draw_training(trainer, pl_module)
            if self._leave:
                self._close_training(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: Module) -> None:
        self._close_training(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: Module) -> None:
        if not trainer.sanity_checking:
            self.val_progress_bar = self.init_validation_tqdm()

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self.has_dataloader_changed(dataloader_idx):
            what = self.sanity_check_description if trainer.sanity_checking else self.validation_description
            self._begin_loader(self.val_progress_bar, what, self.total_val_batches_current_dataloader, dataloader_idx)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if batch_idx + 1 < self._next.evaluation:
            return
        drawn = self._evaluated(self.val_progress_bar, batch_idx + 1)
        training = self._train_progress_bar
        if drawn and self._next.stale and training is not None and not _writes_lines(training):
            self._draw_training(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: Module) -> None:
        if self._val_progress_bar is None:  # a run that goes on behind a validation
            return
        self._val_progress_bar.close()
        self.reset_dataloader_idx_tracker()
        bar = self._train_progress_bar
        if bar is not None and self._shows(bar) and trainer.state.fn == TrainerFn.FITTING:
            self._next.stale = True  # its metrics are new
            if not _writes_lines(bar) and monotonic() >= self._next.draw:
                self._draw_training(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: Module) -> None:
        self.test_progress_bar = self.init_test_tqdm()

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self.has_dataloader_changed(dataloader_idx):
            total = self.total_test_batches_current_dataloader
            self._begin_loader(self.test_progress_bar, self.test_description, total, dataloader_idx)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if batch_idx + 1 >= self._next.evaluation:
            self._evaluated(self.test_progress_bar, batch_idx + 1)

    def on_test_end(self, trainer: Trainer, pl_module: Module) -> None:
        self.test_progress_bar.close()
        self.reset_dataloader_idx_tracker()

    def on_predict_start(self, trainer: Trainer, pl_module: Module) -> None:
        self.predict_progress_bar = self.init_predict_tqdm()

    def on_predict_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self.has_dataloader_changed(dataloader_idx):
            total = self.total_predict_batches_current_dataloader
            self._begin_loader(self.predict_progress_bar, self.predict_description, total, dataloader_idx)

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if batch_idx + 1 >= self._next.evaluation:
            self._evaluated(self.predict_progress_bar, batch_idx + 1)

    def on_predict_end(self, trainer: Trainer, pl_module: Module) -> None:
        self.predict_progress_bar.close()
        self.reset_dataloader_idx_tracker()

    def teardown(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        for bar in self._bars():
            bar.close()  # after an error, so that its traceback gets lines of its own

    def _bars(self) -> list[Bar]:
        bars = (self._train_progress_bar, self._val_progress_bar, self._test_progress_bar, self._predict_progress_bar)
        return [bar for bar in bars if bar is not None]

    def _new_bar(self, description: str, leave: bool = True, below: bool = False, smoothing: float = 0.3) -> Bar:
        return Tqdm(
            desc=description,
            position=2 * self.process_position + below,
            disable=self.is_disabled,
            leave=leave,
            dynamic_ncols=True,
            file=sys.stdout,
            smoothing=smoothing,
            bar_format=self.BAR_FORMAT,
        )

    def _shows(self, bar: Bar) -> bool:
        return self.is_enabled and not bar.disable

    def _open_training(self) -> None:
        self.train_progress_bar = self.init_train_tqdm()
        self._next.train = 0 if self._shows(self.train_progress_bar) else inf
        self._next.inside_epoch = self._next.stale = False

    def _close_training(self, trainer: Trainer, pl_module: Module) -> None:
        bar = self.train_progress_bar
        if self._next.stale and self._shows(bar):
            bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
            self._next.stale = False
        bar.close()

    def _begin_epoch(self, trainer: Trainer, done: int) -> None:
        self._next.inside_epoch = True
        text = f"Epoch {trainer.current_epoch}"
        self._next.train = self._begin(self.train_progress_bar, text, self.total_train_batches, done)

    def _begin_loader(self, bar: Bar, what: str, total: float, dataloader_idx: int) -> None:
        self._next.evaluation = self._begin(bar, f"{what} DataLoader {dataloader_idx}", total, done=0)

    def _begin(self, bar: Bar, text: str, total: float, done: int) -> float:
        bar.reset()
        bar.total = None if total == inf else total
        bar.initial = done
        bar.set_description(text, refresh=False)
        if not self._shows(bar):
            return inf
        if done:
            bar.n = done
        if _writes_lines(bar):
            self._next.draw = monotonic() + bar.line_interval
        elif monotonic() >= self._next.draw:
            self._draw(bar)
        return self._after(done, bar.total)

    def _evaluated(self, bar: Bar, batches: int) -> bool:
        """Move the bar of an evaluation; returns whether it was drawn."""
        bar.n = batches
        self._next.evaluation = self._after(batches, bar.total)
        due = monotonic() >= self._next.draw
        if due:
            self._draw(bar)
        return due

    def _after(self, batches: int, total: float | None) -> float:
        """The number of batches after which a bar moves again."""
        following = batches - batches % self._refresh_rate + self._refresh_rate
        return total if total is not None and batches < total < following else following

    def _draw_training(self, trainer: Trainer, pl_module: Module) -> None:
        bar = self.train_progress_bar
        bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
        self._draw(bar)
        self._next.stale = False

    def _draw(self, bar: Bar) -> None:
        bar.refresh()
        self._next.drawn = monotonic()
        self._next.draw = self._next.drawn + (bar.line_interval if _writes_lines(bar) else bar.mininterval)


def _writes_lines(bar: Bar) -> TypeGuard[Tqdm]:
    """A program may bring a bar of tqdm's own, which knows no lines."""
    return isinstance(bar, Tqdm) and bar.lines


def _there(bar: Bar | None, name: str) -> Bar:
    if bar is None:
        raise DetachedError(f"There is no {name}_progress_bar yet; it is made when that part of a run begins.")
    return bar


def _at_least_as_asked(refresh_rate: int) -> int:
    """The refresh rate, raised to ``TQDM_MINITERS``, by which a user slows down all bars."""
    if refresh_rate < 0:
        raise SettingsError(
            f"TQDMProgressBar(refresh_rate={refresh_rate!r}) must be a number of batches; 0 shows no bar."
        )
    asked = os.environ.get("TQDM_MINITERS", "0")
    if not asked.isdecimal():
        raise SettingsError(f"The environment variable TQDM_MINITERS is {asked!r}; it must be a number of batches.")
    return max(refresh_rate, int(asked))
