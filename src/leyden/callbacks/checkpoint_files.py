"""The files of a run's checkpoints: what the run wrote it may delete, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath
from typing import final

from leyden.callbacks.checkpoint_journal import digest_of
from leyden.checkpoint import remote_files
from leyden.checkpoint.save import refusals_named
from leyden.errors import PathError, TakenError
from leyden.security.paths import Reservation, beneath, private_directory, relink, remove, replacing, reserve, sweep
from leyden.security.remote import Place, Remote, place_of


@final
class CheckpointFiles:
    """Checkpoints beneath one directory, here or in a remote store. Names are relative to it, with slashes.

    No link beneath it is followed.
    """

    def __init__(self, dirpath: str) -> None:
        self.dirpath = dirpath
        place = place_of(dirpath or ".")
        self.root = place.absolute() if isinstance(place, Path) else place  # stays, should the process go elsewhere
        self._own: dict[str, str | None] = {}  # with what the file is known by, if it is known by anything
        self._kept: set[str] = set()
        self._reserved: dict[str, Reservation] = {}

    def name(self, path: str) -> str:
        """The name of a file that lies beneath the directory, given as the user sees it."""
        if isinstance(self.root, Remote):
            return path.removeprefix(f"{self.root}/")
        return Path(os.path.relpath(path, self.dirpath or ".")).as_posix()

    def path(self, name: str) -> str:
        """A file's path as the user sees it: the directory as it was given, and the name."""
        if isinstance(self.root, Remote):
            return f"{self.root}/{name}"
        return os.path.join(self.dirpath, name) if self.dirpath else name  # noqa: PTH118

    def place(self, name: str) -> Place:
        """Where the file is. The file itself may be a link, which is then replaced or removed; its directories may not.

        Raises:
            PathError: the name leads out of the directory, or a link stands in the way.
        """
        if isinstance(self.root, Remote):
            return self.root.child(name)
        parent, _, leaf = name.rpartition("/")
        odd = "\0" in leaf or "\\" in leaf or bool(PureWindowsPath(leaf).drive)
        if odd or leaf in ("", ".", "..") or name.startswith("/"):
            raise PathError(f"{name!r} is not the name of a file beneath {self.root}.")
        return (beneath(self.root, parent) if parent else self.root.resolve()) / leaf

    def owns(self, name: str) -> bool:
        """Was the file written by this run, or by the one that it goes on from? Not if somebody has replaced it."""
        if name not in self._own:
            return False
        digest = self._own[name]
        return digest is None or digest == _known_by(self.place(name))

    def claim(self, name: str, digest: str | None = None) -> None:
        """The file was written by this run, or by the one that it goes on from; ``digest`` says what it was."""
        self._own[name] = digest

    def claim_written(self, name: str) -> None:
        """This run has just written the file."""
        self.release([name])
        self.claim(name, _known_by(self.place(name)))

    def reserve(self, name: str) -> bool:
        """Is the name free, and from now on this run's alone? Makes the directory for it.

        Raises:
            PathError: the name leads out of the directory, or a link or a file stands in the way.
            WriteError: the system does not take it.
        """
        if name not in self._reserved:
            path = self.place(name)
            if isinstance(path, Remote):  # a store has nothing to reserve a name with
                return not remote_files.exists(path)
            with refusals_named(path):
                private_directory(path.parent)
                reservation = reserve(path)
            if reservation is None:
                return False
            self._reserved[name] = reservation
        return True

    def release(self, names: Iterable[str] | None = None) -> None:
        """Give back names that were reserved; without ``names``, all of them."""
        for name in [*self._reserved] if names is None else names:
            if name in self._reserved:
                self._reserved.pop(name).release()

    def replaced(self) -> list[str]:
        """The files that were claimed and now are others."""
        return [name for name in self._own if not self.owns(name)]

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """What those files are known by, as far as they are; "" for one that is yet to be written, so for no other."""
        found = {}
        for name in names:
            digest = self._own.get(name)
            if digest is None and not self._is_anything(name):
                digest = ""
            if digest is not None:
                found[name] = digest
        return found

    def target(self, name: str) -> str:
        """The name of what a link leads to, wherever that is; of any other file, its own."""
        path = self.place(name)
        if isinstance(path, Remote) or isinstance(self.root, Remote) or not path.is_symlink():
            return name
        return Path(os.path.relpath(path.parent / path.readlink(), self.root.resolve())).as_posix()

    def sweep(self) -> None:
        """Delete temporary files of processes that died while they wrote to the directory."""
        if isinstance(self.root, Path) and self.root.is_dir():
            sweep(self.root)

    def keep(self, file: Place) -> None:
        """Never delete this file: the user named it to resume from."""
        if (name := self.name_of(file)) is not None:
            self._kept.add(name)

    def name_of(self, file: Place) -> str | None:
        """The name of a file that was found somewhere; None if it does not lie beneath the directory."""
        match self.root, file:
            case Remote() as root, Remote():
                return root.name_of(file)
            case Path() as root, Path():
                whole, folder = file.resolve(), root.resolve()
                return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else None
            case _:
                return None

    @property
    def has_links(self) -> bool:
        """Can one file stand for another there? A store has no links."""
        return isinstance(self.root, Path)

    def exists(self, name: str) -> bool:
        """Is there anything under this name, be it a link that leads nowhere?"""
        if isinstance(self.root, Remote):
            return remote_files.exists(self.root.child(name))
        return os.path.lexists(self.path(name))

    def _is_anything(self, name: str) -> bool:
        place = self.place(name)
        return remote_files.exists(place) if isinstance(place, Remote) else os.path.lexists(place)

    def names(self, extension: str = "") -> list[str]:
        """The names of all files beneath the directory that end so, whoever wrote them."""
        if isinstance(self.root, Remote):
            return [name for name in remote_files.names(self.root) if name.endswith(extension)]
        found = self.root.rglob(f"*{extension}") if self.root.is_dir() else ()
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    @property
    def is_empty(self) -> bool:
        """Is there nothing at all in the directory?"""
        if isinstance(self.root, Remote):
            return not remote_files.names(self.root)
        return not self.root.is_dir() or not any(self.root.iterdir())

    def prepare(self, name: str) -> None:
        """Make the directory that the file goes to, private to the user.

        Raises:
            PathError: the name leads out of the directory, or a link or a file stands in the way.
        """
        place = self.place(name)
        if isinstance(place, Path):
            private_directory(place.parent)

    def remove(self, name: str) -> None:
        """Delete a checkpoint that is this run's own and no longer wanted; leave any other alone."""
        if name in self._kept or not self.owns(name):
            return
        place = self.place(name)
        del self._own[name]
        match place:
            case Remote():
                remote_files.delete(place)
            case Path():
                remove(place)

    def link(self, name: str, target: str) -> None:
        """Put a relative symbolic link to another checkpoint in the place of ``name``; a copy where links do not exist.

        Raises:
            PathError: a directory stands in the way, or anything under a name that was free and is reserved.
            WriteError: the system does not take it.
        """
        path, wanted = self.place(name), self.place(target)
        assert isinstance(path, Path) and isinstance(wanted, Path)  # noqa: PT018 (one thought)
        private_directory(path.parent)
        if path.is_dir() and not path.is_symlink():
            raise PathError(f"{path} is a directory, so it cannot become a link to {wanted.name}. Move it away.")
        with refusals_named(path):
            try:
                relink(path, os.path.relpath(wanted, path.parent))
            except TakenError:
                raise
            except (OSError, NotImplementedError):
                with wanted.open("rb") as source, replacing(path) as copy:
                    shutil.copyfileobj(source, copy)
        self.claim_written(name)


def _known_by(path: Place) -> str | None:
    """What tells a file from another in its place: the digest of a checkpoint, where a link leads; None for others."""
    return f"-> {path.readlink()}" if isinstance(path, Path) and path.is_symlink() else digest_of(path)
