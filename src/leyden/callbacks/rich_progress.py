"""RichProgressBar: a progress bar with colours, drawn by rich."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from leyden.callbacks.progress_bar import ProgressBar, print_plainly
from leyden.core.packages import require
from leyden.core.stage import TrainerFn
from leyden.errors import DetachedError, SettingsError

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, Task, TaskID
    from rich.style import Style

    from leyden.api.module import Module
    from leyden.callbacks.rich_screen import Screen
    from leyden.trainer import Trainer

_SHORTEST_INTERVAL = 0.1


@dataclass(frozen=True)
class RichProgressBarTheme:
    """The styles of a RichProgressBar, as rich names them: "bold cyan", "#3060c0", "dim underline".

    ``metrics_format`` is the format of numbers, ``metrics_text_delimiter`` what stands between two metrics.
    """

    description: str | Style = ""
    progress_bar: str | Style = "cyan"
    progress_bar_finished: str | Style = "green"
    progress_bar_pulse: str | Style = "cyan"
    batch_progress: str | Style = ""
    time: str | Style = "dim"
    processing_speed: str | Style = "dim"
    metrics: str | Style = "italic"
    metrics_text_delimiter: str = " "
    metrics_format: str = ".3f"


class RichProgressBar(ProgressBar):
    """Bars for training, validation, testing and prediction, with the metrics of training beside its bar.

    It needs the package ``rich``. Without a terminal or notebook there is a line for each epoch instead, and one each
    minute within it.

    Args:
        refresh_rate: draw at most so many times a second; 0 shows no bar. The eye sees no more than ten.
        leave: keep the bar of each epoch on the screen.
        theme: styles and the format of numbers.
        console_kwargs: arguments for ``rich.console.Console``.
    """

    catches_up: ClassVar[bool] = True

    def __init__(
        self,
        refresh_rate: int = 100,
        leave: bool = False,
        theme: RichProgressBarTheme = RichProgressBarTheme(),
        console_kwargs: dict[str, Any] | None = None,
    ) -> None:
        require("rich", "RichProgressBar")
        if refresh_rate < 0:
            raise SettingsError(
                f"RichProgressBar(refresh_rate={refresh_rate!r}) must be a number of drawings a second; 0 shows no bar."
            )
        _check_theme(theme)
        super().__init__()
        self._refresh_rate = refresh_rate
        self._leave = leave
        self._console_kwargs = console_kwargs or {}
        self._enabled = True
        self._screen: Screen | None = None  # the last one stays to be read when it is closed
        self._evaluated = 0  # batches of the running loader
        self.theme = theme
        self.train_progress_bar_id: TaskID | None = None
        self.val_sanity_progress_bar_id: TaskID | None = None
        self.val_progress_bar_id: TaskID | None = None
        self.test_progress_bar_id: TaskID | None = None
        self.predict_progress_bar_id: TaskID | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Copies and spawned processes start without what belongs to this screen."""
        return {**self.__dict__, "_trainer": None, "_attached": None, "_screen": None}

    @property
    def refresh_rate(self) -> int:
        """Drawings a second, at most."""
        return self._refresh_rate

    @property
    def is_enabled(self) -> bool:
        """Is anything shown?"""
        return self._enabled and self.refresh_rate > 0

    @property
    def is_disabled(self) -> bool:
        """Is nothing shown?"""
        return not self.is_enabled

    @property
    def progress(self) -> Progress | None:
        """rich's own object, from the beginning of a run on."""
        return self._screen.progress if self._screen is not None else None

    @property
    def train_progress_bar(self) -> Task:
        """The bar of training."""
        return self._task("train", self.train_progress_bar_id)

    @property
    def val_sanity_check_bar(self) -> Task:
        """The bar of the validation that comes before training."""
        return self._task("val_sanity", self.val_sanity_progress_bar_id)

    @property
    def val_progress_bar(self) -> Task:
        """The bar of validation."""
        return self._task("val", self.val_progress_bar_id)

    @property
    def test_progress_bar(self) -> Task:
        """The bar of testing."""
        return self._task("test", self.test_progress_bar_id)

    @property
    def predict_progress_bar(self) -> Task:
        """The bar of prediction."""
        return self._task("predict", self.predict_progress_bar_id)

    def disable(self) -> None:
        """Show nothing from here on."""
        self._enabled = False
        self._close()

    def enable(self) -> None:
        """Show progress again, from the next part of a run on."""
        self._enabled = True

    def configure_columns(self, trainer: Trainer) -> list[ProgressColumn]:
        """What stands in each line; override it to change that. The metrics follow at the end."""
        from rich.progress import BarColumn, TextColumn

        from leyden.callbacks.rich_screen import BatchesColumn, SpeedColumn, TimeColumn

        theme = self.theme
        return [
            TextColumn("{task.description}", style=theme.description),
            BarColumn(
                bar_width=30,
                complete_style=theme.progress_bar,
                finished_style=theme.progress_bar_finished,
                pulse_style=theme.progress_bar_pulse,
            ),
            BatchesColumn(theme.batch_progress),
            TimeColumn(theme.time),
            SpeedColumn(theme.processing_speed),
        ]

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print above the bars."""
        screen = self._showing
        if screen is not None:
            screen.progress.console.print(*args, **kwargs)
        elif self._trainer is None or self._trainer.is_global_zero:
            print_plainly(*args, **kwargs)

    def on_sanity_check_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._open(trainer)

    def on_sanity_check_end(self, trainer: Trainer, pl_module: Module) -> None:
        self._end(self.val_sanity_progress_bar_id, hide=True)

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._open(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        if self._leave and self.train_progress_bar_id is not None:
            self._close()
            self._open(trainer)
        self._begin_epoch(trainer, done=0)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int) -> None:
        screen = self._screen
        if screen is None or not screen.open:
            return
        if screen.train is None:
            self._begin_epoch(trainer, done=batch_idx)  # the run goes on inside an epoch
        screen.done = batch_idx + 1
        screen.stale = True
        if screen.due:
            screen.draw(self._metrics)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        self._renew_metrics(ends=self._leave)

    def on_train_end(self, trainer: Trainer, pl_module: Module) -> None:
        screen = self._showing
        if screen is not None and screen.stale:
            screen.draw(self._metrics)
        self._close()

    def on_validation_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._open(trainer)

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if not self.has_dataloader_changed(dataloader_idx):
            return
        total = self.total_val_batches_current_dataloader
        if trainer.sanity_checking:
            bar = self.val_sanity_progress_bar_id
            self.val_sanity_progress_bar_id = self._begin(bar, self.sanity_check_description, total, dataloader_idx)
        else:
            bar = self.val_progress_bar_id
            self.val_progress_bar_id = self._begin(bar, self.validation_description, total, dataloader_idx)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        bar = self.val_sanity_progress_bar_id if trainer.sanity_checking else self.val_progress_bar_id
        self._evaluate(bar, batch_idx + 1)

    def on_validation_end(self, trainer: Trainer, pl_module: Module) -> None:
        self.reset_dataloader_idx_tracker()
        if trainer.state.fn != TrainerFn.FITTING:
            self._end(self.val_progress_bar_id)
            self._close()
        elif not trainer.sanity_checking:
            self._end(self.val_progress_bar_id, hide=True)
            screen = self._showing
            if screen is not None and not screen.lines:
                self._renew_metrics()

    def on_test_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._open(trainer)

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self.has_dataloader_changed(dataloader_idx):
            bar, total = self.test_progress_bar_id, self.total_test_batches_current_dataloader
            self.test_progress_bar_id = self._begin(bar, self.test_description, total, dataloader_idx)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._evaluate(self.test_progress_bar_id, batch_idx + 1)

    def on_test_end(self, trainer: Trainer, pl_module: Module) -> None:
        self.reset_dataloader_idx_tracker()
        self._end(self.test_progress_bar_id)
        self._close()

    def on_predict_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._open(trainer)

    def on_predict_batch_start(
        self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self.has_dataloader_changed(dataloader_idx):
            bar, total = self.predict_progress_bar_id, self.total_predict_batches_current_dataloader
            self.predict_progress_bar_id = self._begin(bar, self.predict_description, total, dataloader_idx)

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._evaluate(self.predict_progress_bar_id, batch_idx + 1)

    def on_predict_end(self, trainer: Trainer, pl_module: Module) -> None:
        self.reset_dataloader_idx_tracker()
        self._end(self.predict_progress_bar_id)
        self._close()

    def teardown(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        self._close()  # after an error, so that its traceback gets lines of its own

    @property
    def _showing(self) -> Screen | None:
        return self._screen if self._screen is not None and self._screen.open else None

    def _task(self, name: str, bar: TaskID | None) -> Task:
        tasks = self._screen.progress.tasks if self._screen is not None else []
        task = next((task for task in tasks if task.id == bar), None)
        if task is None:
            raise DetachedError(f"There is no bar of {name} yet; it is made when that part of a run begins.")
        return task

    def _open(self, trainer: Trainer) -> None:
        """Take the screen, unless it is taken already."""
        if self._showing is not None or self.is_disabled:
            return
        from rich.console import Console

        from leyden.callbacks.rich_screen import MetricsColumn, Screen

        theme = self.theme
        metrics = MetricsColumn(theme.metrics, theme.metrics_text_delimiter, theme.metrics_format)
        interval = max(1 / self.refresh_rate, _SHORTEST_INTERVAL)
        self.train_progress_bar_id = self.val_sanity_progress_bar_id = self.val_progress_bar_id = None
        self.test_progress_bar_id = self.predict_progress_bar_id = None
        self._screen = Screen(Console(**self._console_kwargs), self.configure_columns(trainer), metrics, interval)

    def _close(self) -> None:
        if self._showing is not None:
            self._showing.close()

    def _begin_epoch(self, trainer: Trainer, done: int) -> None:
        screen = self._showing
        if screen is not None:
            last = trainer.max_epochs
            text = f"Epoch {trainer.current_epoch}" + (f"/{last - 1}" if last is not None and last > 0 else "")
            self.train_progress_bar_id = screen.begin_epoch(text, self.total_train_batches, done)

    def _renew_metrics(self, ends: bool = False) -> None:
        """Show metrics that are new since the last batch, now or with the next drawing."""
        screen = self._showing
        if screen is not None and screen.train is not None:
            screen.stale = True
            if ends or screen.rested:
                screen.draw(self._metrics)

    def _begin(self, bar: TaskID | None, description: str, total: float, dataloader_idx: int) -> TaskID | None:
        """The bar of a loader; within training it takes the place of the one before, else it comes below that."""
        screen = self._showing
        if screen is None:
            return None
        if dataloader_idx and self.trainer.state.fn != TrainerFn.FITTING:
            self._end(bar)
            bar = None
        self._evaluated = 0
        return screen.begin(bar, description, total)

    def _evaluate(self, bar: TaskID | None, batches: int) -> None:
        screen = self._screen
        if screen is not None and screen.open:
            self._evaluated = batches
            if screen.due:
                screen.draw(self._metrics, bar, batches)

    def _end(self, bar: TaskID | None, hide: bool = False) -> None:
        """The last batch of a loader is done."""
        screen = self._showing
        if screen is None or bar is None:
            return
        screen.progress.update(bar, completed=self._evaluated)
        if hide:
            screen.hide(bar)
        else:
            screen.draw(self._metrics, bar, self._evaluated)

    def _metrics(self) -> dict[str, Any]:
        trainer = self.trainer
        assert trainer.lightning_module is not None
        return dict(self.get_metrics(trainer, trainer.lightning_module))


def _check_theme(theme: Any) -> None:
    if not isinstance(theme, RichProgressBarTheme):
        raise SettingsError(f"RichProgressBar(theme={theme!r}) is no theme. Use RichProgressBarTheme(...).")
    try:
        format(0.0, theme.metrics_format)
    except ValueError:
        raise SettingsError(
            f"RichProgressBarTheme(metrics_format={theme.metrics_format!r}) is no format of a number. Use one such as "
            "'.3f' or '.2e'."
        ) from None
