"""Every kind of thing that is audited once for a project, and not file by file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from leyden.audit.finding import Survey

if TYPE_CHECKING:
    from leyden.audit.environment.places import Environment


def surveys(environment: Environment | None = None, *, everything: bool = False) -> Iterator[Survey]:
    """What to look at besides the files; ``everything`` also where that takes long."""
    if environment is not None:
        from leyden.audit.environment.survey import survey  # here, since most audits of files need none of it

        yield survey(environment, everything)
