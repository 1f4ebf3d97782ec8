"""Which files of a project differ from a commit.

Files are compared here and not by git, which would run the filters that the project's configuration names. So what
git changes when it checks a file out, such as the ends of lines, counts as changed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Final

from leyden.audit import git
from leyden.audit.walk import beneath
from leyden.errors import SettingsError

_LARGEST: Final = 1 << 30  # bytes: larger files are not compared and count as changed
_PART: Final = 1 << 20
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_FILES: Final = (b"100644", b"100755")  # and neither links nor repositories within this one
_HASHES: Final = {40: "sha1", 64: "sha256"}  # by the length of an id


def changed(paths: Iterable[str], root: str, name: str) -> frozenset[str]:
    """The resolved paths of files that are not as in the commit ``name``; untracked ones too, ignored ones not.

    SettingsError where ``root`` is in no repository, one of ``paths`` is outside of it, or there is no such commit.
    """
    top = _top(root)
    for path in paths:
        if not beneath(os.path.realpath(path), top):
            raise SettingsError(f"{path} lies outside of the repository {top}, so --since says nothing of it.")
    # A hook before the first commit asks for HEAD, too.
    first = name == "HEAD" and not git.ask(top, "rev-list", "--all", "--max-count=1")
    before = {} if first else _tree(git.ask(top, "ls-tree", "-r", "-z", git.commit(top, name)))
    now = git.ask(top, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split(b"\0")
    found = set()
    for entry in {*before, *now}:
        path = os.path.join(top, os.fsdecode(entry))  # noqa: PTH118 - a name can hold anything
        whole = os.path.realpath(path)
        if beneath(whole, top) and not _is_same(path, before.get(entry)):
            found.add(whole)
    return frozenset(found)


def _top(root: str) -> str:
    try:
        top = os.fsdecode(git.ask(root, "rev-parse", "--show-toplevel").removesuffix(b"\n"))
    except git.NoAnswerError:
        raise SettingsError(
            f"{root} is in no repository that git reads, and --since needs one. "
            "Of somebody else's repository, git's setting safe.directory says that it may."
        ) from None
    found = os.path.realpath(top)
    # A repository's configuration can name any directory as the one that it is about.
    if not beneath(root, found) or not os.path.lexists(os.path.join(found, ".git")):  # noqa: PTH118
        raise SettingsError(f"The repository of {root} is about another directory, so --since says nothing of it.")
    return found


def _tree(answer: bytes) -> Mapping[bytes, str]:
    """The files of a commit and the ids of what is in them."""
    files = {}
    for line in answer.split(b"\0"):
        about, _, name = line.partition(b"\t")
        match about.split(b" "):
            case [mode, b"blob", found] if mode in _FILES:
                files[name] = found.decode("ascii")
            case _:
                pass
    return files


def _is_same(path: str, before: str | None) -> bool:
    """Whether there is nothing at ``path`` to look at: no file, or the one from before."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return True
        if before is None or status.st_size > _LARGEST:
            return False
        return _id(path, status.st_size, _HASHES[len(before)]) == before
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # the audit says what is wrong with it


def _id(path: str, size: int, algorithm: str) -> str:
    """What git calls content such as that of a file."""
    digest = hashlib.new(algorithm, b"blob %d\0" % size, usedforsecurity=False)
    descriptor = os.open(path, _FLAGS)
    try:
        while part := os.read(descriptor, _PART):
            digest.update(part)
    finally:
        os.close(descriptor)
    return digest.hexdigest()
