"""Whether the checkpoints in a directory are those that their runs have written there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from leyden.cli.mapped import content
from leyden.errors import LeydenError
from leyden.security import ledger
from leyden.security.ledger import Entry
from leyden.security.policy import Policy, admit
from leyden.wire import envelope
from leyden.wire.origin import Origin


@final
@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is whole, and what it says of its origin."""

    path: Path
    digest: str
    origin: Origin | None


@final
@dataclass(frozen=True)
class Problem:
    """A file that is not what its run wrote."""

    path: Path
    what: str


def look(folder: Path, policy: Policy) -> tuple[list[Checkpoint], list[Problem], list[str]]:
    """The checkpoints in a directory, what is wrong with them, and what could not be known."""
    whole: list[Checkpoint] = []
    problems: list[Problem] = []
    for path in _files(folder):
        try:
            found = _read(path, policy)
        except (LeydenError, OSError) as error:
            problems.append(Problem(path, str(error)))
        else:
            if found is not None:
                whole.append(found)
    notes = []
    for run in sorted({found.origin.run for found in whole if found.origin is not None}):
        entries = ledger.read(run)
        if entries is None:
            notes.append(f"This machine has no record of the run {run}: whether files were rolled back is not known.")
        else:
            problems += _compared(folder, run, entries, [one for one in whole if one.origin and one.origin.run == run])
    without = sum(found.origin is None for found in whole)
    if without:
        notes.append(f"{without} of them do not say which run they are from.")
    return whole, problems, notes


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.name.endswith(".leyden-tmp"):
            yield path


def _read(path: Path, policy: Policy) -> Checkpoint | None:
    """None for a file of another kind."""
    data = content(path)
    if bytes(data[8 : 8 + len(envelope.PREFIX)]) != envelope.PREFIX:
        return None
    opened = envelope.read(data, str(path))
    assert opened.seal is not None
    admit(opened.seal, str(path), policy)
    envelope.check_digests(opened, data, str(path))
    return Checkpoint(path, opened.seal.digest, opened.origin)


def _compared(folder: Path, run: str, entries: list[Entry], found: list[Checkpoint]) -> Iterator[Problem]:
    """What a run's own record has to say about its checkpoints."""
    by_digest = {entry.digest: entry for entry in entries}
    by_path = {entry.path: entry for entry in entries}  # of several, the last that was written there
    for one in found:
        entry, there = by_digest.get(one.digest), by_path.get(str(one.path.absolute()))
        if entry is None:
            yield Problem(one.path, f"says that it is from the run {run}, which never wrote it: it was planted")
        elif there is not None and there.digest != one.digest:
            what = "rolled back" if entry.number < there.number else "swapped"
            yield Problem(
                one.path, f"was {what}: the run's save {entry.number} lies where it wrote its save {there.number}"
            )
    if entries:
        newest = max(entries, key=lambda entry: entry.number)
        path = Path(newest.path)
        here = path.is_relative_to(folder.absolute()) or path.is_relative_to(folder.resolve())
        if here and not any(one.digest == newest.digest for one in found):
            yield Problem(path, f"is the newest checkpoint of the run {run} (save {newest.number}) and is gone")
