"""Every kind of thing that is audited once for a project, and not file by file."""

from __future__ import annotations

from leyden.audit.finding import Survey


def surveys() -> tuple[Survey, ...]:
    """What to look at besides the files."""
    return ()
