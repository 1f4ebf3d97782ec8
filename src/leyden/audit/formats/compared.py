"""What is new, mended and old, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from leyden._version import __version__
from leyden.audit.comparison import Comparison, Point
from leyden.audit.finding import Severity
from leyden.audit.formats.plain import plural, printable
from leyden.audit.history import Known
from leyden.wire.strict_json import Json

MOST_POINTS: Final = 8
MOST_NAMES: Final = 5


def in_words(comparison: Comparison) -> Iterator[str]:
    """Each sentence on a line."""
    parts = [f"{len(comparison.new):,} new", f"{len(comparison.mended):,} mended", f"{len(comparison.old):,} old"]
    if comparison.accepted:
        parts.append(f"{len(comparison.accepted):,} accepted by now")
    if comparison.unseen:
        parts.append(f"{len(comparison.unseen):,} where something could not be looked at")
    version = f" (leyden {printable(comparison.leyden)})" if comparison.leyden != __version__ else ""
    yield f"{', '.join(parts)} since {comparison.since:%Y-%m-%d %H:%M} UTC{version}."
    totals = " → ".join(f"{point.total:,}" for point in comparison.trend[-MOST_POINTS:])
    yield f"Findings over the last audits: {totals}."


def mended_in_words(comparison: Comparison) -> str:
    """The first few by rule and file, and the number of the others; nothing where nothing is mended."""
    known = comparison.mended
    if not known:
        return ""
    names = ", ".join(f"{one.rule} {printable(one.path)}" for one in known[:MOST_NAMES])
    rest = f" and {plural(len(known) - MOST_NAMES, 'other')}" if len(known) > MOST_NAMES else ""
    return f"Mended: {names}{rest}."


def to_json(comparison: Comparison) -> Json:
    """Plain data."""
    return {
        "since": comparison.since.isoformat(),
        "leyden": comparison.leyden,
        "revision": comparison.revision,
        "new": [*sorted(comparison.new)],
        "old": [*sorted(comparison.old)],
        "mended": _known(comparison.mended),
        "accepted": _known(comparison.accepted),
        "unseen": _known(comparison.unseen),
        "trend": [_point(point) for point in comparison.trend],
    }


def _known(known: Iterable[Known]) -> Json:
    return [
        {"fingerprint": f.fingerprint, "rule": f.rule, "severity": f.severity.name.lower(), "path": f.path}
        for f in known
    ]


def _point(point: Point) -> Json:
    return {"time": point.time.isoformat(), "summary": _counts(point.counts)}


def _counts(counts: Mapping[Severity, int]) -> Json:
    return {severity.name.lower(): number for severity, number in sorted(counts.items(), reverse=True) if number}
