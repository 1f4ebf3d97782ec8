"""Where files may be read and written: names that came from a file, private directories, whole files or none."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, Final

from leyden.errors import PathError

_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final[int] = getattr(os, "O_BINARY", 0)
_HAS_DIRECTORY_HANDLES: Final = os.open in os.supports_dir_fd
_TEMPORARY: Final = re.compile(r"\.[0-9a-f]{16}\.leyden-tmp")


def beneath(root: Path, relative: str) -> Path:
    """The path that ``relative``, a name out of a file, has under ``root``; PathError if it would lie elsewhere.

    ``root`` itself may be a link, since the caller named it; nothing below it may. The path need not exist.
    """
    parts = PurePosixPath(relative).parts
    if not parts:
        raise PathError(f"The path {relative!r} names nothing under {root}.")
    # Windows' rules count everywhere, since a file written here may be read there.
    if "\0" in relative or "\\" in relative or relative.startswith("/") or PureWindowsPath(relative).drive:
        raise PathError(f"The path {relative!r} is not relative to {root}. A path in a file must be.")
    if ".." in parts:
        raise PathError(f"The path {relative!r} leads out of {root}. A path in a file must stay beneath it.")
    path = root.resolve()
    for part in parts:
        path = path / part
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISLNK(mode):
            raise PathError(f"{path} is a link, and could lead anywhere. Replace it by what it points to.")
    return path


def private_directory(path: Path) -> Path:
    """``path`` as a directory; whatever of it does not exist yet is created for its owner alone (0700)."""
    missing = []
    here = path
    while not here.exists():
        missing.append(here)
        here = here.parent
    for directory in reversed(missing):
        # Another process may be making the same directories.
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
    if not path.is_dir():
        raise PathError(f"{path} is not a directory. Move what is there, or choose another place.")
    return path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new private file (0600) that takes the place of ``path`` at the end of the block, whole or not at all.

    Until then it has another name in the same directory; after an error it is gone and ``path`` is as it was. A link at
    ``path`` is replaced and not followed. What a process that died left in the directory is swept first.
    """
    with _directory(path.parent) as handle:
        _check_replaceable(path)
        _sweep(path.parent, handle)
        temporary, descriptor = _new_file(path.parent, handle)
        try:
            # Not closed before it has its name: until then the lock says that somebody is at work.
            with open(descriptor, "r+b", buffering=0) as stream:  # noqa: PTH123
                yield stream
                os.fsync(descriptor)
                if handle is not None:
                    os.replace(temporary, path.name, src_dir_fd=handle, dst_dir_fd=handle)
            if handle is None:  # Windows renames no file that is open
                (path.parent / temporary).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_at(path.parent, temporary, handle), dir_fd=handle)
            raise
        _sync(handle)


def relink(path: Path, target: str) -> None:
    """Put a symbolic link to ``target`` in the place of ``path``, at once. OSError where links cannot be made."""
    with _directory(path.parent) as handle:
        _check_replaceable(path)
        _sweep(path.parent, handle)
        temporary = _temporary_name()
        if handle is not None:
            _lock(handle, wait=True)  # until the link has its name: a link cannot be locked itself
        os.symlink(target, _at(path.parent, temporary, handle), dir_fd=handle)
        try:
            os.replace(
                _at(path.parent, temporary, handle),
                _at(path.parent, path.name, handle),
                src_dir_fd=handle,
                dst_dir_fd=handle,
            )
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_at(path.parent, temporary, handle), dir_fd=handle)
            raise
        _sync(handle)


def sweep(directory: Path) -> None:
    """Delete the temporary files in a directory whose writers have died; one that is alive holds a lock on its own."""
    with _directory(directory) as handle:
        _sweep(directory, handle)


def _sweep(directory: Path, handle: int | None) -> None:
    if handle is None:  # without locks nobody can tell the dead from the living
        return
    with os.scandir(directory) as entries:
        left = [entry.name for entry in entries if _TEMPORARY.fullmatch(entry.name)]
    for name in left:
        with contextlib.suppress(OSError):  # somebody else's, or swept by somebody else
            _sweep_one(name, handle)


def _sweep_one(name: str, handle: int) -> None:
    status = os.stat(name, dir_fd=handle, follow_symlinks=False)
    if status.st_uid != os.geteuid():
        return
    if stat.S_ISLNK(status.st_mode):
        if _lock(handle, wait=False):
            os.unlink(name, dir_fd=handle)
        return
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_FOLLOW, dir_fd=handle)
    try:
        if stat.S_ISREG(status.st_mode) and _lock(descriptor, wait=False):
            os.unlink(name, dir_fd=handle)
    finally:
        os.close(descriptor)


def _new_file(directory: Path, handle: int | None) -> tuple[str, int]:
    """The name of a new file, which owes nothing to the target's own and its length, and the file, open and locked."""
    while True:
        name = _temporary_name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
        descriptor = os.open(_at(directory, name, handle), flags, 0o600, dir_fd=handle)
        # Somebody may have swept it in the moment before it was locked.
        if not _lock(descriptor, wait=True) or os.fstat(descriptor).st_nlink > 0:
            return name, descriptor
        os.close(descriptor)


def _temporary_name() -> str:
    return f".{secrets.token_hex(8)}.leyden-tmp"


if sys.platform == "win32":

    def _lock(descriptor: int, wait: bool) -> bool:
        return False

else:
    import fcntl

    def _lock(descriptor: int, wait: bool) -> bool:
        """Lock a file or directory until it is closed or the process dies; False if that cannot be done."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:  # another has it, or the file system has no locks
            return False
        return True


def _sync(handle: int | None) -> None:
    if handle is None:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every file system can do this
            raise


@contextlib.contextmanager
def _directory(path: Path) -> Iterator[int | None]:
    """A handle of the directory, so that all steps happen in the same one; None where the system has no such thing."""
    if not _HAS_DIRECTORY_HANDLES:
        yield None
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


def _at(directory: Path, name: str, handle: int | None) -> str:
    return name if handle is not None else str(directory / name)


def _check_replaceable(path: Path) -> None:
    if path.name in ("", "..") or (path.is_dir() and not path.is_symlink()):
        raise PathError(f"{path} is a directory, so no file can be written under that name. Choose another.")
