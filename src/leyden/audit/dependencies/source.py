"""Files that declare dependencies as something that is audited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leyden.audit.dependencies.kinds import NOTEBOOK, kind_of, reader
from leyden.audit.finding import File, LimitError, Record, Source
from leyden.audit.rules.dependencies import DEPENDENCIES

LARGEST: Final = 32 << 20  # bytes; locks of everything that a large company uses have ten million


def read_dependencies(file: File) -> Iterator[Record]:
    """Everything that is wrong with the dependencies in one file. Nothing inside archives is looked at."""
    found = "" if file.place.inside else kind_of(file.place.path, file.data)
    if not found or not len(file.data):
        return
    if found == NOTEBOOK:
        yield from _notebook(file)
        return
    if len(file.data) > LARGEST:
        raise LimitError(f"it is a file of dependencies of over {LARGEST:,} bytes")
    # Here, since most files are of another sort.
    from leyden.audit.advisories.listed import listed
    from leyden.audit.config import documents
    from leyden.audit.dependencies.judged import judged
    from leyden.audit.dependencies.places import placed

    # Only locks are larger, and tools write them in UTF-8.
    large = len(file.data) > documents.LARGEST
    text = str(file.data, "utf-8", "replace") if large else documents.decoded(file.data)
    declared = reader(found)(text, file.budget)
    yield from judged(declared, listed(file.advisories), file.place, file.budget)
    yield from placed(declared, file.place)


def _notebook(file: File) -> Iterator[Record]:
    """What the cells of a notebook install; that it cannot be read is what the auditor of code says."""
    from leyden.audit.advisories.listed import listed
    from leyden.audit.code.notebook import LARGEST_NOTEBOOK, cells
    from leyden.audit.dependencies import commands
    from leyden.audit.dependencies.judged import judged
    from leyden.audit.dependencies.places import placed

    if len(file.data) > LARGEST_NOTEBOOK:
        return
    try:
        for number, text in cells(file.data):
            declared, place = commands.read(text, file.budget), file.place.within(f"cell {number}")
            yield from judged(declared, listed(file.advisories), place, file.budget)
            yield from placed(declared, place)
    except (ValueError, RecursionError):
        return


SOURCE: Final = Source("dependencies", read_dependencies, DEPENDENCIES)
