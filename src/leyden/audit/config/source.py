"""Configuration as something that is audited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leyden.audit.config.shapes import shape
from leyden.audit.finding import File, Record, Source
from leyden.audit.rules.config_commands import COMMANDS
from leyden.audit.rules.config_containers import CONTAINERS
from leyden.audit.rules.config_pipelines import PIPELINES
from leyden.audit.rules.config_values import VALUES


def read_config(file: File) -> Iterator[Record]:
    """Everything that is wrong with one file, if it is configuration. Nothing inside archives is."""
    if file.place.inside or not len(file.data):
        return
    form = shape(file)
    if form is None:
        return
    # Here, since its tables take time to compile, and an audit of models never needs them.
    from leyden.audit.config.inspection import findings

    yield from findings(file, form)


SOURCE: Final = Source("configuration", read_config, (*VALUES, *CONTAINERS, *COMMANDS, *PIPELINES))
