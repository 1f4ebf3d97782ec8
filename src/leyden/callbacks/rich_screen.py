"""What RichProgressBar puts on the screen. Apart from it, since rich is imported here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from math import inf
from time import monotonic
from typing import Any, final

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.progress import Progress, ProgressColumn, Task, TaskID
from rich.style import Style
from rich.table import Column
from rich.text import Text

_LINE_INTERVAL = 60.0
_LINE_GAP = 1.0
_UNLIMITED = 10_000


@final
class Screen:
    """Bars on a terminal or in a notebook, and plain lines everywhere else.

    Nothing is drawn behind the loop's back: the owner notes what is done, and asks for a drawing when ``due`` says that
    it is time.

    Args:
        console: where to draw.
        columns: what stands in each line.
        metrics: the column of the metrics, which comes last.
        interval: seconds that must lie between two drawings.
    """

    __slots__ = ("_drawn", "_interval", "_metrics", "_next", "done", "lines", "open", "progress", "stale", "train")

    def __init__(
        self, console: Console, columns: list[ProgressColumn], metrics: MetricsColumn, interval: float
    ) -> None:
        self.progress = Bars(columns, metrics, console)
        self.lines = not (console.is_terminal or console.is_jupyter)
        self.open = True
        self.done = 0  # training batches of this epoch
        self.stale = False  # the bar of training shows less than is known
        self.train: TaskID | None = None
        self._metrics = metrics
        self._interval = _LINE_INTERVAL if self.lines else interval
        self._next = monotonic() + self._interval if self.lines else -inf
        self._drawn = -inf
        if not self.lines:
            self.progress.start()

    @property
    def due(self) -> bool:
        """Is it time to draw?"""
        return monotonic() >= self._next

    @property
    def rested(self) -> bool:
        """Has enough time passed for one more line, or drawing, at the end of something?"""
        return monotonic() >= (self._drawn + _LINE_GAP if self.lines else self._next)

    def begin(self, bar: TaskID | None, description: str, total: float, done: int = 0) -> TaskID:
        """A bar from its beginning: one that was there before, or a new one below the others."""
        batches = None if total == inf else total
        if bar is None:
            return self.progress.add_task(description, total=batches, completed=done)
        self.progress.reset(bar, total=batches, completed=done, description=description, visible=True)
        return bar

    def begin_epoch(self, description: str, total: float, done: int) -> TaskID:
        """The bar of training, from its beginning."""
        self.done = done
        self.train = self._metrics.task = self.begin(self.train, description, total, done)
        return self.train

    def hide(self, bar: TaskID) -> None:
        """Take a bar away until it begins again."""
        self.progress.update(bar, visible=False)

    def draw(self, metrics: Callable[[], Mapping[str, Any]], evaluation: TaskID | None = None, done: int = 0) -> None:
        """Show what is done: of training, with its metrics if they are new, and of an evaluation if one runs."""
        if self.train is not None:
            if self.stale:
                self._metrics.metrics = metrics()
                self.stale = False
            self.progress.update(self.train, completed=self.done)
        if evaluation is not None:
            self.progress.update(evaluation, completed=done)
        if self.lines:
            self._write_line(self.train if evaluation is None else evaluation)
        else:
            self.progress.refresh()
        self._drawn = monotonic()
        self._next = self._drawn + self._interval

    def close(self) -> None:
        """Leave the bars as they are and give the screen back."""
        self.open = False
        if not self.lines:
            self.progress.stop()

    def _write_line(self, bar: TaskID | None) -> None:
        for task in self.progress.tasks:
            if task.id == bar:
                metrics = str(self._metrics(task))
                cells = [_batches(task).strip(), _duration(_elapsed(task)), _speed(task), metrics]
                text = f"{task.description}: {' '.join(filter(None, cells))}"
                self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


class Bars(Progress):
    """rich's bars, with the metrics on lines of their own where they do not fit beside the others."""

    def __init__(self, columns: list[ProgressColumn], metrics: MetricsColumn, console: Console) -> None:
        self._metrics = metrics
        self._place = console
        super().__init__(*columns, metrics, console=console, auto_refresh=False)

    def get_renderables(self) -> Iterable[RenderableType]:
        table = self.make_tasks_table(self.tasks)
        unlimited = self._place.options.update(max_width=_UNLIMITED)
        if table.rows and Measurement.get(self._place, unlimited, table).maximum > self._place.width:
            self._metrics.below = True  # from here on, since numbers change their length
            table = self.make_tasks_table(self.tasks)
        yield table
        if self._metrics.below:
            yield from (Text(text, self._metrics.style) for task in self.tasks if (text := self._metrics.text(task)))


class BatchesColumn(ProgressColumn):
    """How many batches are done, of how many."""

    def __init__(self, style: str | Style) -> None:
        self.style = style
        super().__init__(Column(no_wrap=True))

    def render(self, task: Task) -> Text:
        return Text(_batches(task), style=self.style)


class TimeColumn(ProgressColumn):
    """The time that has passed, and the time that is left."""

    def __init__(self, style: str | Style) -> None:
        self.style = style
        super().__init__(Column(no_wrap=True))

    def render(self, task: Task) -> Text:
        return Text(f"{_duration(_elapsed(task))} • {_duration(task.time_remaining)}", style=self.style)


class SpeedColumn(ProgressColumn):
    """Batches a second."""

    def __init__(self, style: str | Style) -> None:
        self.style = style
        super().__init__(Column(no_wrap=True))

    def render(self, task: Task) -> Text:
        return Text(_speed(task), style=self.style)


class MetricsColumn(ProgressColumn):
    """The metrics of training, on the line of its bar; floats in the format ``number``."""

    def __init__(self, style: str | Style, delimiter: str, number: str) -> None:
        self.style = style
        self.delimiter = delimiter
        self.number = number
        self.below = False  # the text stands on lines of its own
        self.task: TaskID | None = None
        self.metrics: Mapping[str, Any] = {}
        super().__init__()

    def render(self, task: Task) -> Text:
        return Text("" if self.below else self.text(task), style=self.style)

    def text(self, task: Task) -> str:
        if task.id != self.task:
            return ""
        cells = {name: format(v, self.number) if isinstance(v, float) else v for name, v in self.metrics.items()}
        return self.delimiter.join(f"{name}: {value}" for name, value in cells.items())


def _batches(task: Task) -> str:
    if task.total is None:
        return f"{task.completed:.0f}/?"
    total = f"{task.total:.0f}"
    return f"{task.completed:>{len(total)}.0f}/{total}"  # padded, so that what follows it stands still


def _elapsed(task: Task) -> float | None:
    return task.finished_time if task.finished else task.elapsed


def _speed(task: Task) -> str:
    elapsed = _elapsed(task)
    return f"{task.completed / elapsed if elapsed else 0.0:.2f}it/s"


def _duration(seconds: float | None) -> str:
    return "-:--:--" if seconds is None else str(timedelta(seconds=int(seconds)))
