"""The chain of a run's checkpoints, and what they are made with."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import secrets
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Final, final

from leyden.checkpoint.sealing import signer
from leyden.core.warnings import warn
from leyden.errors import KeyStoreError
from leyden.security import ledger
from leyden.security.ledger import Entry, place
from leyden.security.remote import Place
from leyden.wire.origin import Origin

_REVISION: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DISTRIBUTION: Final = re.compile(r"(?P<name>[!-~]{1,200})-(?P<version>[!-,.-~]{1,200})\.dist-info")
_LARGEST: Final = 1 << 20


@final
class Lineage:
    """One run's saves so far. Saves are counted as they are committed, so one that fails leaves no gap."""

    def __init__(self, run: str, number: int, parent: str | None) -> None:
        self.run = run
        self.number = number
        self.parent = parent
        self._written: dict[str, Entry] = {}  # by place

    @classmethod
    def begins(cls) -> Lineage:
        """A run that has saved nothing. Its name is drawn from the system: the program's random numbers are its own."""
        return cls(secrets.token_hex(16), 0, None)

    @classmethod
    def goes_on(cls, origin: Origin, digest: str) -> Lineage:
        """The run of a checkpoint that it is resumed from."""
        return cls(origin.run, origin.number, digest)

    @classmethod
    def after(cls, digest: str) -> Lineage:
        """A run of its own that begins with a checkpoint of somebody else's."""
        return cls(secrets.token_hex(16), 0, digest)

    def origin(self, step: int, epoch: int, configuration: str | None = None, data: str | None = None) -> Origin:
        """What the next checkpoint says of itself."""
        time = datetime.now(timezone.utc).isoformat(timespec="microseconds")
        code = revision(here) if (here := _working_directory()) else None
        return Origin(
            self.run, self.number + 1, self.parent, time, step, epoch, configuration, code, data, dict(packages())
        )

    def committed(self, origin: Origin, digest: str, path: Place) -> None:
        """The checkpoint is on the disk under ``path``."""
        self.number, self.parent = origin.number, digest
        self._note(Entry(origin.number, digest, place(path)))

    def linked(self, path: Place, target: Place) -> None:
        """A link to a checkpoint of this process was put at ``path``."""
        entry = self._written.get(place(target))
        if entry is not None:
            self._note(Entry(entry.number, entry.digest, place(path)))

    def wrote(self, path: Place) -> str | None:
        """The digest of what this process wrote last in a place, or linked to there; None if it did not."""
        entry = self._written.get(place(path))
        return None if entry is None else entry.digest

    def _note(self, entry: Entry) -> None:
        self._written[entry.path] = entry
        key = signer()
        if key is None:  # which was told when the checkpoint was sealed
            return
        try:
            ledger.note(self.run, entry, key)
        except KeyStoreError as error:
            _warn_once(str(error))


def _working_directory() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it was deleted
        return None


@functools.cache
def _warn_once(reason: str) -> None:
    warn(f"{reason} A checkpoint that is rolled back or swapped cannot be found later.")


@functools.cache
def packages() -> tuple[tuple[str, tuple[str, str | None]], ...]:
    """Every installed package with its version and the digest of its RECORD; the first on the path counts.

    Names and versions are those of the directories, as installers write them (PEP 376, PEP 427): reading the metadata
    of a hundred packages takes a second.
    """
    found: dict[str, tuple[str, str | None]] = {}
    for searched in sys.path:
        folder = Path(searched or ".")
        if not folder.is_dir():
            continue
        for entry in sorted(os.listdir(folder)):  # noqa: PTH208
            parts = _DISTRIBUTION.fullmatch(entry)
            if parts is not None:
                name = re.sub(r"[-_.]+", "-", parts["name"]).lower()
                found.setdefault(name, (parts["version"], _digest(folder / entry / "RECORD")))
    return tuple(sorted(found.items()))


@functools.cache
def revision(folder: str) -> str | None:
    """The commit that is checked out in the git repository around ``folder``; None outside of one."""
    for here in (Path(folder), *Path(folder).parents):
        if (here / ".git").is_dir():
            return _revision(here / ".git", _read(here / ".git" / "HEAD"))
        if (here / ".git").exists():  # a work tree whose repository lies elsewhere
            return None
    return None


def _revision(git: Path, head: str) -> str | None:
    if _REVISION.fullmatch(head):
        return head
    name = head.removeprefix("ref: ")
    if not re.fullmatch(r"refs/[\w./-]+", name) or ".." in name:
        return None
    if _REVISION.fullmatch(loose := _read(git / name)):
        return loose
    packed = (line.partition(" ") for line in _read(git / "packed-refs").splitlines())
    return next((commit for commit, _, ref in packed if ref == name and _REVISION.fullmatch(commit)), None)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_LARGEST).decode(errors="replace").strip()
    except OSError:
        return ""


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
