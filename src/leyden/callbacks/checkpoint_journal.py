"""What a checkpoint says of the save that made it, so that a run that was killed in the middle of one can be tidied up.

A save may write two files, one of the best and then the last, and each replaces another that is deleted. What a process
that died has left of that is found by the files themselves: no order of times, and no list beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from leyden.callbacks.saved_state import SavedState
from leyden.checkpoint import remote_files
from leyden.checkpoint.load import read
from leyden.checkpoint.trust import is_proven
from leyden.errors import CheckpointError, FormatError
from leyden.security.remote import Place, Remote
from leyden.wire import envelope
from leyden.wire.envelope import PREFIX
from leyden.wire.outline import outline
from leyden.wire.safetensors import LARGEST_HEADER

_DIGEST = 64


@final
@dataclass(frozen=True)
class Journal:
    """Where a checkpoint stands among the saves of its run."""

    file: str = ""  # the name that it was written under; "" if it was not written by this callback
    first: str = ""  # the first save of all, which tells one run and its continuations from others
    save: str = ""  # the save that it is part of
    after: str = ""  # the save before it, the newest of which all files were written
    count: int = 0  # saves so far, over restarts
    leaving: tuple[str, ...] = ()  # what it replaces, to be deleted once it is written

    def begins(self, file: str, leaving: Iterable[str], nonce: str, goes_on: bool) -> Journal:
        """A file is about to be written, by a new save or by one that goes on."""
        leaves = tuple(leaving)
        if goes_on and self.save != self.after:
            return replace(self, file=file, leaving=leaves)
        told = "\0".join((nonce, self.after, str(self.count), file))
        save = hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:32]
        return Journal(file, self.first or save, save, self.after, self.count + 1, leaves)

    def ends(self, complete: bool) -> Journal:
        """The file was written, and perhaps it was the last of its save."""
        return replace(self, file="", leaving=(), after=self.save if complete else self.after)

    def resumed(self) -> Journal:
        """A run goes on from the checkpoint of this journal."""
        before = self.save if self.file else self.after
        return Journal(first=self.first, save=before, after=before, count=self.count)

    def state_dict(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "first": self.first,
            "save": self.save,
            "after": self.after,
            "count": self.count,
            "leaving": [*self.leaving],
        }


def read_journal(saved: SavedState) -> Journal:
    """The journal in the state of a callback; an empty one in a state that has none.

    Raises:
        FormatError: a value is of the wrong kind.
    """
    return Journal(
        saved.text("file", ""),
        saved.text("first", ""),
        saved.text("save", ""),
        saved.text("after", ""),
        saved.count("count", 0),
        tuple(saved.texts("leaving")),
    )


@final
@dataclass(frozen=True)
class Found:
    """A checkpoint that its own journal says was written here, under this name."""

    name: str
    journal: Journal
    state: Any


def descendants(root: Place, paths: Iterable[Place], key: str, journal: Journal) -> list[Found]:
    """The checkpoints that were made after the save of ``journal``, by runs that died before their save was complete.

    Args:
        root: the directory of the checkpoints, to which names are relative.
        paths: files in it, of which any may be somebody else's.
        key: the state key of the callback that asks.
        journal: that of the checkpoint from which the run goes on.
    """
    found: list[Found] = []
    headers = {path: header for path in paths if (header := _header(path))}
    wanted = [journal.after] if journal.after else []
    while wanted:
        after = wanted.pop()
        for path, header in headers.items():
            if after.encode() not in header:  # which spares reading the whole tree of most of them
                continue
            one = _found(root, path, key)
            if one is not None and one.journal.after == after and one.journal.save != after and one not in found:
                found.append(one)
                wanted.append(one.journal.save)
    return sorted(found, key=lambda one: one.journal.count)


def was_written_by(root: Place, name: str, key: str, journal: Journal) -> bool:
    """Does a file say that the run of ``journal`` wrote it under this name, or one that led to or from that?"""
    found = _found(root, inside(root, name), key)
    return found is not None and bool(journal.first) and found.journal.first == journal.first


def first_of_a_run(root: Place, paths: Iterable[Place], key: str) -> str:
    """The path of the only checkpoint that a callback has written, if it was its first save; "" otherwise."""
    found = [one for path in paths if (one := _found(root, path, key)) is not None]
    return str(inside(root, found[0].name)) if len(found) == 1 and found[0].journal.count == 1 else ""


def saves_so_far(path: Place) -> int:
    """How many saves the runs that led to a checkpoint had made: the order of checkpoints, by no clock."""
    states = _outlined(path) if isinstance(path, Remote) else _states(path)
    journals = [_own_part(str(key), state) for key, state in states.items()]
    return max((journal.count for journal in journals if journal is not None), default=0)


def digest_of(path: Place) -> str | None:
    """The digest that a checkpoint has in its seal; None if this is no file of that format."""
    start = _start(path, 8 + len(PREFIX) + _DIGEST)
    if start[8:-_DIGEST] != PREFIX:
        return None
    return start[-_DIGEST:].decode("ascii", "replace")


def inside(root: Place, name: str) -> Place:
    """What lies under a name beneath a directory."""
    return root.child(name) if isinstance(root, Remote) else root / name


def _found(root: Place, path: Place, key: str) -> Found | None:
    name = _name(root, path)
    state = _states(path).get(key)
    part = _own_part(key, state)
    return Found(name, part, state) if part is not None and part.file == name else None


def _name(root: Place, path: Place) -> str:
    match root, path:
        case Path(), Path():
            return path.relative_to(root).as_posix()
        case _:
            return str(path).removeprefix(f"{root}/")


def _own_part(key: str, state: Any) -> Journal | None:
    """The journal in the state of a callback that saves; None in any other, and in a file that cannot be read."""
    try:
        return read_journal(SavedState(key, state).part("leyden"))
    except FormatError:
        return None


def _states(path: Place) -> dict[Any, Any]:
    """The states of callbacks in a file that is the user's own: another's could name files to be deleted."""
    try:
        found = read(path, verify=False)
    except (CheckpointError, OSError):
        return {}
    proven = found.seal is not None and is_proven(found.seal)
    states = found.tree.get("callbacks") if proven else None
    return states if isinstance(states, dict) else {}


def _outlined(remote: Remote) -> dict[Any, Any]:
    """The same without numbers that are tensors, and without fetching the tensors of the model."""
    try:
        opened = envelope.read(memoryview(remote_files.without_data(remote)), str(remote))
        states = outline(opened.tree or "{}", opened.header.entries, str(remote)).get("callbacks")
    except (CheckpointError, OSError):
        return {}
    if opened.seal is None or not is_proven(opened.seal):
        return {}
    return states if isinstance(states, dict) else {}


def _header(path: Place) -> bytes:
    if isinstance(path, Path) and (path.is_symlink() or not path.is_file()):
        return b""
    length = int.from_bytes(_start(path, 8), "little")
    return _start(path, 8 + length)[8:] if length <= LARGEST_HEADER else b""


def _start(path: Place, count: int) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    if isinstance(path, Remote):
        return remote_files.start_of(path, count)
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""
