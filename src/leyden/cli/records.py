"""What this machine's records say about the checkpoints in a directory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import final

from leyden.errors import KeyStoreError
from leyden.security import ledger
from leyden.security.keys import home
from leyden.security.ledger import Entry
from leyden.wire.origin import Origin


@final
@dataclass(frozen=True)
class Difference:
    """Why a file is not what a record says; not ``wrong`` where it is the record that may be behind."""

    text: str
    wrong: bool = True


@final
@dataclass(frozen=True)
class Records:
    """The records of runs, by run; ``edited`` are those that are not to be believed, and why."""

    entries: Mapping[str, list[Entry]]
    edited: Mapping[Path, str]
    here: frozenset[str]  # the runs that wrote beneath the directory

    @classmethod
    def of(cls, folder: Path) -> Records:
        """The records of all runs that have written beneath a directory."""
        runs = ledger.runs_at(folder)
        return cls({}, {}, frozenset(runs)).joined(runs)

    def joined(self, runs: Collection[str]) -> Records:
        """Beside these, the records of some runs, as far as there are any."""
        entries, edited = dict(self.entries), dict(self.edited)
        for run in runs:
            if run in entries:
                continue
            try:
                found = ledger.read(run)
            except KeyStoreError as error:
                edited[home() / "runs" / f"{run}.jsonl"] = str(error)
                continue
            if found is not None:
                entries[run] = found
        return replace(self, entries=entries, edited=edited)

    @cached_property
    def places(self) -> dict[str, tuple[str, Entry]]:
        """What was written last in each place, and by which run."""
        last = {(entry.path, run): entry for run, entries in self.entries.items() for entry in entries}
        found: dict[str, tuple[str, Entry]] = {}
        for (path, run), entry in last.items():
            if path not in found or entry.time >= found[path][1].time:
                found[path] = run, entry
        return found

    @cached_property
    def _digests(self) -> dict[str, tuple[str, int, Entry]]:
        numbered = ((run, at, one) for run, entries in self.entries.items() for at, one in enumerate(entries))
        return {one.digest: (run, at, one) for run, at, one in numbered}

    def at(self, path: Path) -> tuple[str, Entry] | None:
        """The run that wrote last in a place, and what."""
        return self.places.get(ledger.place(path))

    def knows(self, digest: str | None) -> bool:
        """Whether some run noted this checkpoint."""
        return digest in self._digests

    def is_as_new(self, digest: str, entry: Entry) -> bool:
        """Whether a checkpoint is the one of an entry, or was written after it: a link is made a moment later."""
        known = self._digests.get(digest)
        return digest == entry.digest or (known is not None and known[2].time > entry.time)

    def speaks_of(self, origin: Origin | None) -> bool:
        """Whether the directory, or the run that a file says it is from, is one that the user's records know."""
        return bool(self.here) or (origin is not None and origin.run in self.entries)

    def is_followed(self, run: str) -> bool:
        """Whether another run wrote beneath the directory after this one."""
        newest = self.entries[run][-1].time
        return any(one != run and self.entries[one][-1].time > newest for one in self.here if self.entries.get(one))

    def is_beneath(self, folder: Path, entry: Entry) -> bool:
        return Path(entry.path).is_relative_to(folder.resolve())

    def difference(self, digest: str, own: Origin | None, path: Path) -> Difference:
        """What to say of a file that is not what was written last in its place.

        ``own`` is what it says of its origin, if it is sealed by the user.
        """
        run, there = self.places[ledger.place(path)]
        wrote = f"the run {run} wrote its save {there.number}"
        if digest in self._digests:
            other, at, one = self._digests[digest]
            if other != run:
                return Difference(f"was swapped: save {one.number} of the run {other} lies where {wrote}.")
            older = at < self.entries[run].index(there)
            word = "rolled back" if older else "swapped"
            return Difference(f"was {word}: the run's save {one.number} lies where it wrote its save {there.number}.")
        if own is None:
            return Difference(f"was planted where {wrote}: nothing shows that a run of yours wrote it.")
        if ledger.may_follow(own, run, there):
            text = f"is newer than this machine's record, in which the run {run} wrote its save {there.number} there."
            return Difference(text, wrong=False)
        text = f"was swapped or rolled back: save {own.number} of the run {own.run} lies where {wrote}."
        return Difference(text)
