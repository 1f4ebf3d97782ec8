"""Which files there are to look at: in a fixed order, each once, and nothing left out without a word."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, TypeAlias, final

from leyden.audit.finding import Finding, Place
from leyden.audit.permissions import read_directory
from leyden.audit.rules.engine import CHANGED, LINK, SPECIAL, UNREADABLE

# What tools write for themselves. A directory with the file pyvenv.cfg in it is a virtual environment and one of them.
LEFT_OUT: Final = (".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox")
_ENVIRONMENT: Final = "pyvenv.cfg"
_KINDS: Final = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


@final
@dataclass(frozen=True)
class Found:
    """A regular file. ``path`` is below the path that the user named, and spelt as they did."""

    path: str
    size: int


@final
@dataclass
class Walk:
    """One pass over the named paths; what ``exclude`` and LEFT_OUT pass over goes to ``left_out``."""

    paths: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    everything: bool = False  # also LEFT_OUT; the paths that were named are always walked
    own: str | None = None  # LEFT_OUT counts beneath this directory alone: a stranger could hide anything there
    left_out: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Found | Finding]:
        seen: set[tuple[int, int]] = set()
        for path in self.paths:
            # What is named is looked at through any link.
            try:
                status = os.stat(path)  # noqa: PTH116 - names are kept as the user spelt them
            except OSError as error:
                yield UNREADABLE.at(Place(path), f"It cannot be opened: {reason(error)}.")
                continue
            if stat.S_ISREG(status.st_mode):
                yield from _file(path, status)
                continue
            if not stat.S_ISDIR(status.st_mode):  # among other files it is a note; who names it wants an answer
                yield UNREADABLE.at(Place(path), "It is a pipe, a socket or a device, so it was not opened.")
                continue
            inside = os.path.realpath(path)
            everything = self.everything or self.own is None or not beneath(inside, self.own)
            tree = _Tree(path, inside, self.exclude, everything, seen, self.left_out)
            yield from tree.walk(status)


def among(items: Iterable[Found | Finding], files: frozenset[str]) -> Iterator[Found | Finding]:
    """Of what a walk finds, the resolved paths ``files``, and what could not be walked: they may lie there."""
    for item in items:
        if item.blind if isinstance(item, Finding) else os.path.realpath(item.path) in files:
            yield item


@final
@dataclass
class _Tree:
    """One named directory."""

    root: str
    inside: str  # the same without links
    exclude: tuple[str, ...]
    everything: bool
    seen: set[tuple[int, int]]
    left_out: list[str]
    links: deque[tuple[str, os.stat_result]] = field(default_factory=deque)  # to directories in the same tree

    def walk(self, status: os.stat_result) -> Iterator[Found | Finding]:
        pending: list[Step] = []
        self.links.append((self.root, status))
        while pending or self.links:
            # What a link leads to comes last, in case it was left out under its own name.
            if not pending:
                pending.extend(self._enter(*self.links.popleft()))
                continue
            step = pending.pop()
            if not isinstance(step, str):
                yield step
                continue
            try:
                with os.scandir(step) as listing:
                    entries = sorted(listing, key=lambda entry: os.fsencode(entry.name), reverse=True)
            except OSError as error:
                yield unreadable(step, error)
                continue
            if self._is_environment(step, entries):
                self.left_out.append(step)
                continue
            # Reversed onto the stack: what lies in a directory comes before its next neighbour.
            for entry in entries:
                pending.extend(self._entry(entry))

    def _enter(self, path: str, status: os.stat_result) -> Sequence[Step]:
        if identity(status) in self.seen:  # a bind mount, a link, or a path that was named twice
            return ()
        self.seen.add(identity(status))
        return [path, *read_directory(path, status.st_mode)]  # the last comes first

    def _entry(self, entry: os.DirEntry[str]) -> Sequence[Step]:
        path = entry.path
        if self._excluded(path, entry.name):
            self.left_out.append(path)
            return ()
        try:
            status = entry.stat(follow_symlinks=False)
            linked = stat.S_ISLNK(status.st_mode)
            if linked:
                status = os.stat(path)  # noqa: PTH116
        except OSError as error:
            if entry.is_symlink():
                return [LINK.at(Place(path), f"This link leads nowhere: {reason(error)}.")]
            return [unreadable(path, error)]
        if not stat.S_ISDIR(status.st_mode):
            return _file(path, status)
        if not linked:
            return self._enter(path, status)
        if beneath(os.path.realpath(path), self.inside):
            self.links.append((path, status))
            return ()
        message = "This link leads to a directory outside of what is audited. Name that directory too."
        return [LINK.at(Place(path), message)]

    def _is_environment(self, path: str, entries: Iterable[os.DirEntry[str]]) -> bool:
        return not self.everything and path != self.root and any(entry.name == _ENVIRONMENT for entry in entries)

    def _excluded(self, path: str, name: str) -> bool:
        if not self.everything and name in LEFT_OUT:
            return True
        below = os.path.relpath(path, self.root) if self.root != "." else path.removeprefix("./")
        below = below.replace(os.sep, "/")
        return any(fnmatchcase(below, pattern) or fnmatchcase(name, pattern) for pattern in self.exclude)


Step: TypeAlias = str | Found | Finding  # a directory to enter, or what is to be told in its turn


def _file(path: str, status: os.stat_result) -> Sequence[Found | Finding]:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        return [Found(path, status.st_size)]
    return [SPECIAL.at(Place(path), f"This is {_KINDS.get(kind, 'no regular file')}, which was not opened.")]


def identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def beneath(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def unreadable(path: str, error: OSError) -> Finding:
    """What there is to say about a file or directory that did not open."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return CHANGED.at(Place(path), "It went away before it was read.")
    return UNREADABLE.at(Place(path), f"It cannot be read: {reason(error)}.")


def reason(error: OSError) -> str:
    """The system's words alone: without the path, which may hold anything."""
    return (error.strerror or type(error).__name__).lower()
