"""Whether the checkpoints in a directory are those that their runs have written there."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, final

from leyden.audit.finding import LimitError
from leyden.cli.mapped import content, glimpse, walk
from leyden.cli.records import Records
from leyden.cli.which_models import MODELS
from leyden.errors import EncryptionError, LeydenError, PackageError
from leyden.security import keys, ledger
from leyden.security.keys import Standing
from leyden.security.policy import Policy, admit
from leyden.wire import envelope
from leyden.wire.origin import Origin

_LOOKS: Final = 3


@final
@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is whole. ``own``: its seal is of the user's key or of one that they trust."""

    path: Path
    digest: str
    origin: Origin | None
    own: bool


class Kind(Enum):
    """What is the matter with a file."""

    BROKEN = "broken"  # its digests or its seal do not fit, or the policy does not admit it
    MOVED = "moved"  # it lies where something else was written last: swapped, rolled back or planted
    GONE = "gone"  # it was written there and is there no more
    EDITED = "edited"  # a record that somebody else has changed
    FOREIGN = "foreign"  # no file of Leyden's
    UNSEEN = "unseen"  # it could not be looked at


@final
@dataclass(frozen=True)
class Told:
    """A file and what there is to say about it."""

    path: Path
    what: str
    kind: Kind


@final
@dataclass
class Look:
    """What was found in a directory: whole checkpoints, what is wrong, what could not be looked at, and notes."""

    whole: list[Checkpoint] = field(default_factory=list)
    problems: list[Told] = field(default_factory=list)
    unseen: list[Told] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def look(folder: Path, policy: Policy, identities: Sequence[Path] = (), digests: bool = True) -> Look:
    """Look at all files beneath ``folder``, and compare them with what this machine's records say.

    Without ``digests``, their seals are checked and no tensor is read.
    """
    found = Look()
    for _ in range(_LOOKS):
        before = Records.of(folder)
        found = _look(folder, before, policy, identities, digests)
        # A run that writes meanwhile looks like one that was tampered with.
        if not found.problems or Records.of(folder) == before:
            break
    return found


def _look(folder: Path, records: Records, policy: Policy, identities: Sequence[Path], digests: bool) -> Look:
    found = Look()
    links = []
    for path, error in walk(folder):
        if error is not None:
            found.unseen.append(Told(path, f"could not be looked at: {error}", Kind.UNSEEN))
        elif path.is_symlink():
            links.append(path)
        elif path.is_file() and not path.name.endswith(".leyden-tmp"):
            _read(path, policy, identities, found, digests)
    records = records.joined({one.origin.run for one in found.whole if one.origin is not None})
    found.problems += [Told(path, what, Kind.EDITED) for path, what in records.edited.items()]
    _compare_files(found, records)
    _compare_links(folder, links, found, records)
    _compare_runs(folder, {ledger.place(link) for link in links}, found, records)
    found.notes += _chains(found.whole, records)
    if without := sum(one.origin is None for one in found.whole):
        found.notes.append(f"{without} of them do not say which run they are from.")
    return found


def _read(path: Path, policy: Policy, identities: Sequence[Path], found: Look, digests: bool) -> None:
    try:
        data = content(path, identities) if digests else glimpse(path)
        if bytes(data[8 : 8 + len(envelope.PREFIX)]) != envelope.PREFIX:
            if path.suffix.lower() in MODELS:
                what = "was not written by Leyden: it has no digests and no seal to check."
                found.unseen.append(Told(path, what, Kind.FOREIGN))
            return
        opened = envelope.read(data, str(path))
        assert opened.seal is not None
        admit(opened.seal, str(path), policy)
        if digests:
            envelope.check_digests(opened, data, str(path))
        signer = opened.seal.signer
        own = signer is not None and keys.standing(signer) in (Standing.OWN, Standing.TRUSTED)
    except (EncryptionError, PackageError, OSError) as error:
        found.unseen.append(Told(path, f"could not be looked at: {error}", Kind.UNSEEN))
    except LimitError:  # what looks has taken too long, which says nothing about the file
        raise
    except LeydenError as error:
        found.problems.append(Told(path, f"is not in order. {error}", Kind.BROKEN))
    else:
        found.whole.append(Checkpoint(path, opened.seal.digest, opened.origin, own))


def _compare_files(found: Look, records: Records) -> None:
    unknown: list[Checkpoint] = []
    for one in found.whole:
        there, known = records.at(one.path), records.knows(one.digest)
        if there is not None and there[1].digest != one.digest:
            what = records.difference(one.digest, one.origin if one.own else None, one.path)
            if what.wrong:
                found.problems.append(Told(one.path, what.text, Kind.MOVED))
            else:
                found.notes.append(f"{one.path} {what.text}")
        elif not known and not one.own and records.speaks_of(one.origin):
            what_it_is = "was planted: nothing shows that a run of yours wrote it."
            found.problems.append(Told(one.path, what_it_is, Kind.MOVED))
        elif not known:
            unknown.append(one)
    strangers = sum(not one.own for one in unknown)
    if strangers:
        found.notes.append(f"{strangers} of them are not sealed by you or by somebody whom you trust.")
    runs = {one.origin.run for one in unknown if one.origin is not None}
    for run in sorted(runs):
        if run in records.entries:
            found.notes.append(
                f"Some of the run {run} are not in this machine's record: they were saved elsewhere, or the process "
                "died before it could note them."
            )
        else:
            found.notes.append(
                f"This machine has no record of the run {run}: whether files were rolled back is not known."
            )


def _compare_links(folder: Path, links: Iterable[Path], found: Look, records: Records) -> None:
    """A link counts as what it leads to. One that leads out of the directory is not followed."""
    # Not Path.resolve, which fails for a link that leads to itself.
    targets = {os.path.realpath(one.path): one for one in found.whole}
    for link in links:
        there, target = records.at(link), targets.get(os.path.realpath(link))
        if there is not None and (target is None or not records.is_as_new(target.digest, there[1])):
            why = "leads to another checkpoint" if target is not None else "leads elsewhere"
            what = f"is a link that {why} than save {there[1].number} of the run {there[0]}."
            found.problems.append(Told(link, what, Kind.MOVED))
        elif target is None and link.is_dir() and not link.resolve().is_relative_to(folder.resolve()):
            what = "is a link to a directory elsewhere, and was not followed."
            found.unseen.append(Told(link, what, Kind.UNSEEN))
        elif target is None and link.suffix.lower() in MODELS:
            what = "is a link to something else than a checkpoint here, and was not followed."
            found.unseen.append(Told(link, what, Kind.FOREIGN))


def _compare_runs(folder: Path, links: Collection[str], found: Look, records: Records) -> None:
    """What is no longer there."""
    here = {one.digest for one in found.whole}
    paths = [*(one.path for one in found.whole), *(one.path for one in (*found.problems, *found.unseen))]
    told = {*links, *map(ledger.place, paths)}
    for run, entries in records.entries.items():
        if not entries or not any(records.is_beneath(folder, entry) for entry in entries):
            found.notes += _copies(run, found.whole, records)
            continue
        if records.is_followed(run) and not any(one.origin and one.origin.run == run for one in found.whole):
            found.notes.append(f"The run {run} wrote here before another one did. All its checkpoints are gone.")
            continue
        newest, gone = entries[-1], 0
        for place in dict.fromkeys(entry.path for entry in entries):
            entry = records.places[place][1]
            if records.places[place][0] != run or entry.digest in here or place in told:
                continue
            if not records.is_beneath(folder, entry):
                continue
            if Path(place).exists():
                what = f"is no longer the checkpoint that was written there (save {entry.number} of the run {run})."
                found.problems.append(Told(Path(place), what, Kind.GONE))
            elif entry.digest == newest.digest:
                what = f"is the newest checkpoint of the run {run} (save {newest.number}) and is gone."
                found.problems.append(Told(Path(place), what, Kind.GONE))
            else:
                gone += 1
        if gone:
            found.notes.append(
                f"{gone} earlier checkpoints of the run {run} were deleted, or replaced under new names."
            )


def _copies(run: str, whole: Iterable[Checkpoint], records: Records) -> list[str]:
    """What to say of files whose run wrote in another directory."""
    numbers = [one.origin.number for one in whole if one.origin and one.origin.run == run]
    if not numbers or not records.entries[run]:
        return []
    newest = records.entries[run][-1].number
    news = f", and the run has gone on to its save {newest}" if newest > max(numbers) else ""
    return [
        f"The run {run} wrote in another directory, so these are copies. The newest here is save {max(numbers)}{news}."
    ]


def _chains(whole: Iterable[Checkpoint], records: Records) -> list[str]:
    """Where a checkpoint names another one before it than the one that is here."""
    by_number: dict[tuple[str, int], set[str]] = {}
    origins = [(one.digest, one.origin) for one in whole if one.origin is not None]
    for digest, origin in origins:
        by_number.setdefault((origin.run, origin.number), set()).add(digest)
    notes = []
    for _, origin in origins:
        before = by_number.get((origin.run, origin.number - 1))
        if before is not None and origin.parent not in before and not records.knows(origin.parent):
            notes.append(
                f"Save {origin.number} of the run {origin.run} does not follow the save {origin.number - 1} that is "
                "here: the run was resumed twice from an earlier one, or one of them is of another branch."
            )
    return notes
