"""One reader over bytes, without an engine: what the tests of single readers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from leyden.audit.finding import Artifact, Budget, File, Finding, LimitError, Limits, Place, Record

SMALL = Limits(seconds=20, inflated=8 << 20)
Read = Callable[[File], Iterable[Record]]


def opened(content: bytes, name: str = "model.bin", limits: Limits = SMALL) -> File:
    return File(Place(name), memoryview(content), Budget(limits))


def rules(records: Iterable[Record]) -> list[str]:
    """The rules of what was found."""
    return [record.rule for record in records if isinstance(record, Finding)]


def formats(records: Iterable[Record]) -> list[str]:
    """The formats of what was recognized."""
    return [record.format for record in records if isinstance(record, Artifact)]


def cuts(read: Read, content: bytes, name: str = "model.bin") -> Iterator[tuple[int, list[str]]]:
    """Each shorter length of ``content``, and the rules of what is found in it: never an error but a limit."""
    for length in range(len(content)):
        try:
            yield length, rules(read(opened(content[:length], name)))
        except LimitError:
            yield length, ["limit"]


def silent_cuts(read: Read, content: bytes, name: str = "model.bin", *, least: int = 1) -> list[int]:
    """The lengths from ``least`` on at which nothing is found."""
    return [length for length, found in cuts(read, content, name) if length >= least and not found]


def nothing(file: File) -> Iterator[Record]:
    """Stands for the reader of what lies inside."""
    yield Artifact(file.place, f"inner {file.name}", len(file.data))
