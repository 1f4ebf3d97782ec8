"""How the numbers went, for the page: a bar for each audit, and what is mended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leyden.audit.comparison import Comparison, Point
from leyden.audit.finding import Severity
from leyden.audit.formats.compared import in_words
from leyden.audit.formats.html_text import text
from leyden.audit.formats.plain import plural

MOST_MENDED: Final = 200
_WIDTH: Final = 20  # of a bar with the room beside it, in units of the drawing
_HEIGHT: Final = 100


def header(comparison: Comparison) -> str:
    """What is new, mended and old, and the drawing."""
    lines = "".join(f"<p>{text(line)}</p>\n" for line in in_words(comparison))
    return lines + _drawing(comparison.trend)


def mended(comparison: Comparison) -> str:
    """The section with what is mended, or nothing."""
    known = comparison.mended
    if not known:
        return ""
    items = "".join(f"<li>{text(one.rule)} <code>{text(one.path)}</code></li>\n" for one in known[:MOST_MENDED])
    rest = len(known) - MOST_MENDED
    more = f"<p>And {plural(rest, 'other')}.</p>\n" if rest > 0 else ""
    return f"<section>\n<h2>Mended ({len(known):,})</h2>\n<ul>\n{items}</ul>\n{more}</section>\n"


def _drawing(trend: tuple[Point, ...]) -> str:
    highest = max(1, *(point.total for point in trend))
    bars = "".join("".join(_bar(point, number, highest)) for number, point in enumerate(trend))
    width = _WIDTH * len(trend)
    totals = ", ".join(f"{point.total:,}" for point in trend)
    return (
        f'<svg class="trend" viewBox="0 0 {width} {_HEIGHT + 1}" preserveAspectRatio="xMinYMax meet" role="img" '
        f'aria-label="Findings over the last audits: {totals}">\n{bars}'
        f'<line class="axis" x1="0" y1="{_HEIGHT}" x2="{width}" y2="{_HEIGHT}"></line>\n</svg>\n'
    )


def _bar(point: Point, number: int, highest: int) -> Iterator[str]:
    """Worst at the bottom."""
    floor = float(_HEIGHT)
    numbers = ", ".join(f"{count:,} {severity.name.lower()}" for severity, count in _worst_first(point))
    title = f"{point.time:%Y-%m-%d %H:%M} UTC: {numbers or 'nothing found'}"
    for severity, count in _worst_first(point):
        height = _HEIGHT * count / highest
        floor -= height
        yield (
            f'<rect class="{severity.name.lower()}" x="{_WIDTH * number + 2}" y="{floor:.2f}" '
            f'width="{_WIDTH - 4}" height="{height:.2f}"><title>{title}</title></rect>\n'
        )


def _worst_first(point: Point) -> list[tuple[Severity, int]]:
    return [(severity, count) for severity, count in sorted(point.counts.items(), reverse=True) if count]
