"""The files of a run's checkpoints: what the run wrote it may delete, and nothing else."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath
from typing import final

from leyden.callbacks.checkpoint_journal import digest_of
from leyden.checkpoint.save import refusals_named
from leyden.errors import PathError, TakenError
from leyden.security.paths import Reservation, beneath, private_directory, relink, replacing, reserve, sweep


@final
class CheckpointFiles:
    """Checkpoints beneath one directory. Names are relative to it, with slashes; no link beneath it is followed."""

    def __init__(self, dirpath: str) -> None:
        self.dirpath = dirpath
        self.root = Path(dirpath or ".").absolute()  # stays where it is, should the process change its directory
        self._own: dict[str, str | None] = {}  # with what the file is known by, if it is known by anything
        self._kept: set[str] = set()
        self._reserved: dict[str, Reservation] = {}

    def name(self, path: str) -> str:
        """The name of a file that lies beneath the directory, given as the user sees it."""
        return Path(os.path.relpath(path, self.dirpath or ".")).as_posix()

    def path(self, name: str) -> str:
        """A file's path as the user sees it: the directory as it was given, and the name."""
        return os.path.join(self.dirpath, name) if self.dirpath else name  # noqa: PTH118

    def place(self, name: str) -> Path:
        """Where the file is. The file itself may be a link, which is then replaced or removed; its directories may not.

        Raises:
            PathError: the name leads out of the directory, or a link stands in the way.
        """
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
            if digest is None and not os.path.lexists(self.place(name)):
                digest = ""
            if digest is not None:
                found[name] = digest
        return found

    def target(self, name: str) -> str:
        """The name of what a link leads to, wherever that is; of any other file, its own."""
        path = self.place(name)
        if not path.is_symlink():
            return name
        return Path(os.path.relpath(path.parent / path.readlink(), self.root.resolve())).as_posix()

    def sweep(self) -> None:
        """Delete temporary files of processes that died while they wrote to the directory."""
        if self.root.is_dir():
            sweep(self.root)

    def keep(self, file: Path) -> None:
        """Never delete this file: the user named it to resume from."""
        with contextlib.suppress(ValueError):
            self._kept.add(file.resolve().relative_to(self.root.resolve()).as_posix())

    def prepare(self, name: str) -> None:
        """Make the directory that the file goes to, private to the user.

        Raises:
            PathError: the name leads out of the directory, or a link or a file stands in the way.
        """
        private_directory(self.place(name).parent)

    def remove(self, name: str) -> None:
        """Delete a checkpoint that is this run's own and no longer wanted; leave any other alone."""
        if name in self._kept or not self.owns(name):
            return
        path = self.place(name)
        del self._own[name]
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            return
        with contextlib.suppress(FileNotFoundError):
            path.unlink()

    def link(self, name: str, target: str) -> None:
        """Put a relative symbolic link to another checkpoint in the place of ``name``; a copy where links do not exist.

        Raises:
            PathError: a directory stands in the way, or anything under a name that was free and is reserved.
            WriteError: the system does not take it.
        """
        path, wanted = self.place(name), self.place(target)
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


def _known_by(path: Path) -> str | None:
    """What tells a file from another in its place: the digest of a checkpoint, where a link leads; None for others."""
    return f"-> {path.readlink()}" if path.is_symlink() else digest_of(path)
