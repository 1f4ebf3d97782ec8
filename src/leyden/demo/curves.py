"""Learning curves as one self-contained SVG file, drawn from a ``metrics.csv`` by the standard library alone."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10
from pathlib import Path

from leyden.errors import DataError

Points = Sequence[tuple[float, float]]

TRAINING, VALIDATION = "#2563eb", "#ea580c"
INK, MUTED, GRID = "#1f2937", "#6b7280", "#e5e7eb"
WIDTH, HEIGHT = 1000, 440
LEFT, TOP, BOTTOM, GAP, RIGHT = 64, 96, 56, 84, 28  # around and between the panels


@dataclass(frozen=True)
class Line:
    """One column of the table as a line. A faint line has no place in the legend: it is what a bold one averages."""

    column: str
    label: str
    colour: str
    faint: bool = False


@dataclass(frozen=True)
class Panel:
    """A coordinate system and what is drawn in it."""

    title: str
    lines: Sequence[Line]
    log: bool = False
    percent: bool = False
    best: str | None = None  # the column whose highest value gets a dot and its number


@dataclass(frozen=True)
class Axis:
    """Where a value stands between two pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high, here = (log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (here - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        candidates = _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high)
        slack = (self.high - self.low) * 1e-9
        return [tick for tick in candidates if self.low - slack <= tick <= self.high + slack]


def read(table: Path) -> dict[str, list[tuple[float, float]]]:
    """The points (step, value) of every column of a ``metrics.csv``, without the cells that are empty or not finite."""
    columns: dict[str, list[tuple[float, float]]] = {}
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if "step" not in (reader.fieldnames or ()):
            raise DataError(
                f"{table} has no column 'step', so there is no x axis. Give the metrics.csv of a CSVLogger."
            )
        for row in reader:
            if None in row or not row["step"]:
                raise DataError(
                    f"{table}, line {reader.line_num}: the cells do not fit the header. Is the file cut short?"
                )
            cells = {name: _number(cell, table, reader.line_num) for name, cell in row.items() if cell}
            step = cells.pop("step")
            for name, value in cells.items():
                if isfinite(value):
                    columns.setdefault(name, []).append((step, value))
    return columns


def _number(cell: str, table: Path, line: int) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DataError(
            f"{table}, line {line}: {cell!r} is not a number. Give the metrics.csv of a CSVLogger."
        ) from None


def draw(
    columns: Mapping[str, Points],
    panels: Sequence[Panel],
    *,
    title: str,
    subtitle: str = "",
    mark: tuple[float, str] | None = None,
) -> str:
    """An SVG document with the panels side by side; ``mark`` is a step and the words for a dashed line at it."""
    steps = [step for panel in panels for line in panel.lines for step, _ in columns.get(line.column, ())]
    if not steps:
        wanted = ", ".join(line.column for panel in panels for line in panel.lines)
        raise DataError(f"Nothing to draw: none of the columns {wanted} has a value. Check that they were logged.")
    width = (WIDTH - LEFT - RIGHT - GAP * (len(panels) - 1)) / len(panels)
    body: list[str] = []
    for index, panel in enumerate(panels):
        left = LEFT + index * (width + GAP)
        x = Axis(0, max(*steps, 1), left, left + width)
        body += _panel(columns, panel, x, mark)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'{head} role="img" font-family="system-ui, -apple-system, Helvetica, Arial, sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 34, title, size=20, weight=600),
        _text(LEFT, 56, subtitle, fill=MUTED),
        *body,
        "</svg>\n",
    ]
    return "\n".join(parts)


def _panel(columns: Mapping[str, Points], panel: Panel, x: Axis, mark: tuple[float, str] | None) -> Iterable[str]:
    points = {
        line.column: [(step, value) for step, value in columns.get(line.column, ()) if value > 0 or not panel.log]
        for line in panel.lines
    }
    y = _y_axis([value for line in points.values() for _, value in line], panel)
    yield _text(x.start, TOP - 12, panel.title, size=14, weight=600)
    for tick in y.ticks():
        yield _line(x.start, y.at(tick), x.end, y.at(tick), GRID)
        words = f"{tick:.0%}" if panel.percent else f"{tick:g}"
        yield _text(x.start - 10, y.at(tick) + 4.5, words, anchor="end", fill=MUTED)
    for tick in x.ticks():
        yield _line(x.at(tick), y.start, x.at(tick), y.start + 5, MUTED)
        yield _text(x.at(tick), y.start + 21, f"{tick:g}", anchor="middle", fill=MUTED)
    yield _line(x.start, y.start, x.end, y.start, MUTED)
    yield _text((x.start + x.end) / 2, y.start + 43, "step", anchor="middle", fill=MUTED)
    if mark is not None:
        step, words = mark
        free = (
            y.end + 14 if panel.best is None else y.start - 10
        )  # what falls leaves the top free, what rises the bottom
        yield _line(x.at(step), y.start, x.at(step), y.end, MUTED, 'stroke-dasharray="4 4"')
        yield _text(x.at(step) + 7, free, words, fill=MUTED, size=12)
    for line in sorted(panel.lines, key=lambda line: not line.faint):
        path = " ".join(f"{x.at(step):.1f},{y.at(value):.1f}" for step, value in points[line.column])
        style = 'stroke-width="1" opacity="0.35"' if line.faint else 'stroke-width="2.5"'
        yield f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-linejoin="round" {style}/>'
    yield from _legend([line for line in panel.lines if not line.faint and points[line.column]], x.end)
    if panel.best is not None and points[panel.best]:
        step, value = max(points[panel.best], key=lambda point: point[1])
        colour = next(line.colour for line in panel.lines if line.column == panel.best)
        ring = f'r="5" fill="#ffffff" stroke="{colour}" stroke-width="2.5"'
        yield f'<circle cx="{x.at(step):.1f}" cy="{y.at(value):.1f}" {ring}/>'
        words = f"best {value:.1%}" if panel.percent else f"best {value:.3g}"
        anchor = "end" if x.at(step) > x.end - 40 else "middle"
        yield _text(x.at(step), y.at(value) + 24, words, anchor=anchor, fill=colour, weight=600)


def _legend(lines: Sequence[Line], right: float) -> Iterable[str]:
    """Swatches and words in a row that ends near the panel's right edge; a letter is taken to be 7 pixels wide."""
    left = right - sum(44 + 7 * len(line.label) for line in lines) + 20
    for line in lines:
        yield _line(left, TOP - 16.5, left + 18, TOP - 16.5, line.colour, 'stroke-width="2.5"')
        yield _text(left + 24, TOP - 12, line.label)
        left += 44 + 7 * len(line.label)


def _y_axis(values: Sequence[float], panel: Panel) -> Axis:
    drawable = [value for value in values if value > 0] if panel.log else list(values)
    low, high = min(drawable, default=0.1 if panel.log else 0.0), max(drawable, default=1.0)
    if panel.log:
        low, high = (low / 1.15, high * 1.15) if low < high else (low / 2, high * 2)
    elif low < high:
        ticks = _linear_ticks(low, high)
        low, high = min(ticks), max(ticks)
    else:
        low, high = low - 0.5, high + 0.5
    return Axis(low, high, HEIGHT - BOTTOM, TOP, panel.log)


def _linear_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from below the lowest value to above the highest."""
    rough = (high - low) / wanted
    size = 10 ** floor(log10(rough))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= rough * (1 - 1e-9))
    return [round(n * step, 12) for n in range(floor(low / step + 1e-9), ceil(high / step - 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    factors = (1,) if len(decades) > 5 else (1, 2, 5)
    return [round(factor * 10.0**decade, 12) for decade in decades for factor in factors]


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", fill: str = INK, size: int = 13, weight: int = 400
) -> str:
    style = f'text-anchor="{anchor}" fill="{fill}" font-size="{size}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, style: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" {style}/>'
