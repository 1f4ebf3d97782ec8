"""Where files may be read and written: names that came from a file, private directories, whole files or none."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, Final, final

from leyden.errors import PathError, TakenError

_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final[int] = getattr(os, "O_BINARY", 0)
_HAS_DIRECTORY_HANDLES: Final = os.open in os.supports_dir_fd
_TEMPORARY: Final = re.compile(r"\.[0-9a-f]{16}\.leyden-tmp")
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
_RESERVED: Final[set[tuple[int, int, str]]] = set()  # by this process
_NO_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


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


def read_regular(path: Path, most: int) -> bytes:
    """The first ``most`` bytes of a file; PathError for what is none, such as a pipe, which is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PathError(f"{path} is not a file. Remove it.")
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(most)
    finally:
        os.close(descriptor)


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
def alone(directory: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for ``directory``; without locks in the system, do not."""
    with _directory(directory) as handle:
        if handle is not None:
            lock(handle, wait=True)
        yield


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new private file (0600) that takes the place of ``path`` at the end of the block, whole or not at all.

    Until then it has another name in the same directory; after an error it is gone and ``path`` is as it was. A link at
    ``path`` is replaced and not followed. What a process that died left in the directory is swept first.

    Raises:
        TakenError: the name is reserved (see ``reserve``), and yet something has come to stand there.
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
                    _name(temporary, path, handle)
            if handle is None:  # Windows renames no file that is open
                if _slot(path) in _RESERVED and os.path.lexists(path):
                    raise _taken(path)
                (path.parent / temporary).replace(path)
                _RESERVED.discard(_slot(path))
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_at(path.parent, temporary, handle), dir_fd=handle)
            raise
        _sync(handle)


def private_temporary() -> BinaryIO:
    """A file of this process alone, which has no name and is gone when it is closed."""
    return tempfile.TemporaryFile(buffering=0)


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Write everything: a file without a buffer may take less at once than it was given."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def relink(path: Path, target: str) -> None:
    """Put a symbolic link to ``target`` in the place of ``path``, at once. OSError where links cannot be made.

    Raises:
        TakenError: the name is reserved (see ``reserve``), and yet something has come to stand there.
    """
    with _directory(path.parent) as handle:
        _check_replaceable(path)
        _sweep(path.parent, handle)
        if (slot := _slot(path)) in _RESERVED:
            try:
                os.symlink(target, _at(path.parent, path.name, handle), dir_fd=handle)
            except FileExistsError:
                raise _taken(path) from None
            _RESERVED.discard(slot)
            _sync(handle)
            return
        temporary = _temporary_name()
        if handle is not None:
            lock(handle, wait=True)  # until the link has its name: a link cannot be locked itself
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


def append(path: Path, data: bytes) -> None:
    """Add to a private file (0600), which is made if it is not there; after an error it is as it was.

    What several processes add does not mix, as far as the system writes it at once. A link at ``path`` is refused.
    """
    rest = memoryview(data)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_FOLLOW | _BINARY, 0o600)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - (len(data) - len(rest)))
        raise
    finally:
        os.close(descriptor)


def create(path: Path, data: bytes) -> bool:
    """Make a private file (0600) that is not there yet. False if it is, and it then is as it was.

    Of several processes one wins: the file appears with its content or not at all.
    """
    temporary, descriptor = _new_file(path.parent, None)
    try:
        with open(descriptor, "wb", buffering=0) as stream:  # noqa: PTH123
            write_all(stream, data)
            os.fsync(descriptor)
            os.link(path.parent / temporary, path)  # before it is closed: until then the lock says that it is in use
    except FileExistsError:
        return False
    finally:
        (path.parent / temporary).unlink(missing_ok=True)
    return True


def set_aside(path: Path, name: str) -> None:
    """Give a file or directory another name beside it. PathError if something has that name."""
    target = path.with_name(name)
    if os.path.lexists(target):
        raise PathError(f"{target} is there already, so {path.name} cannot be given that name. Move it away.")
    path.rename(target)


def close_to_others(path: Path) -> None:
    """Take a file that somebody else's code has made from all but its owner (0600). A link is left alone."""
    status = path.lstat()
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
        path.chmod(0o600)


def remove(path: Path) -> None:
    """Delete a file, or a directory with all that is in it; a link is deleted and what it points to is not."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return
    path.unlink(missing_ok=True)


def sweep(directory: Path) -> None:
    """Delete the temporary files in a directory whose writers have died; one that is alive holds a lock on its own."""
    with _directory(directory) as handle:
        _sweep(directory, handle)


@final
class Reservation:
    """A name that is kept for this process until it is released, or the process dies."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self._mark, self._slot = path.parent / _mark(path.name), _slot(path)
        self._descriptor = descriptor  # None where there are no locks, so that other processes do not know of it
        _RESERVED.add(self._slot)

    def release(self) -> None:
        """Give the name back, be it taken by now or not."""
        _RESERVED.discard(self._slot)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            with contextlib.suppress(OSError):  # the directory may have gone, or be another by now
                if os.path.samestat(self._mark.lstat(), os.fstat(descriptor)):
                    self._mark.unlink()
        finally:
            os.close(descriptor)


def reserve(path: Path) -> Reservation | None:
    """Keep a free name for this process; None if there is something of that name, or another has reserved it.

    What this process writes or links there meanwhile takes the name only if there still is nothing: other programs know
    nothing of reservations. Without locks in the file system other processes do not either, and without hard links the
    last look and the taking are two steps.
    """
    with _directory(path.parent) as handle:
        _sweep(path.parent, handle)
        try:
            descriptor = _locked(path.parent, _mark(path.name), handle)
        except FileExistsError:
            return None
    reservation = Reservation(path, descriptor)
    # Only now: whoever kept the name until a moment ago may have used it.
    if os.path.lexists(path):
        reservation.release()
        return None
    return reservation


def _mark(name: str) -> str:
    """The file by which other processes know that a name is reserved; swept like any temporary file."""
    return f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.leyden-tmp"


def _slot(path: Path) -> tuple[int, int, str]:
    """A name in a directory, however the way there is spelled."""
    directory = path.parent.stat()
    return directory.st_dev, directory.st_ino, path.name


def _locked(directory: Path, name: str, handle: int | None) -> int | None:
    """A new file, open and locked; None, and no file, where there are no locks. FileExistsError if there is one."""
    while True:
        descriptor = os.open(_at(directory, name, handle), _NEW, 0o600, dir_fd=handle)
        locked = lock(descriptor, wait=True)
        if locked and os.fstat(descriptor).st_nlink > 0:  # else it was swept in the moment before
            return descriptor
        os.close(descriptor)
        if not locked:
            os.unlink(_at(directory, name, handle), dir_fd=handle)
            return None


def _name(temporary: str, path: Path, handle: int) -> None:
    """Give a finished file its name, in the place of what has it; a reserved one only if there still is nothing."""
    slot = _slot(path)
    if slot not in _RESERVED:
        os.replace(temporary, path.name, src_dir_fd=handle, dst_dir_fd=handle)
        return
    try:
        os.link(temporary, path.name, src_dir_fd=handle, dst_dir_fd=handle, follow_symlinks=False)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise _taken(path) from None
        os.replace(temporary, path.name, src_dir_fd=handle, dst_dir_fd=handle)
    else:
        os.unlink(temporary, dir_fd=handle)
    _RESERVED.discard(slot)  # what is there now is this process's own, and may be replaced


def _taken(path: Path) -> TakenError:
    return TakenError(
        f"Something came to stand at {path} while that was written, and is not replaced. Choose another name.", path
    )


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
        if lock(handle, wait=False):
            os.unlink(name, dir_fd=handle)
        return
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_FOLLOW, dir_fd=handle)
    try:
        if stat.S_ISREG(status.st_mode) and lock(descriptor, wait=False):
            os.unlink(name, dir_fd=handle)
    finally:
        os.close(descriptor)


def _new_file(directory: Path, handle: int | None) -> tuple[str, int]:
    """The name of a new file, which owes nothing to the target's own and its length, and the file, open and locked."""
    while True:
        name = _temporary_name()
        descriptor = os.open(_at(directory, name, handle), _NEW, 0o600, dir_fd=handle)
        # Somebody may have swept it in the moment before it was locked.
        if not lock(descriptor, wait=True) or os.fstat(descriptor).st_nlink > 0:
            return name, descriptor
        os.close(descriptor)


def _temporary_name() -> str:
    return f".{secrets.token_hex(8)}.leyden-tmp"


if sys.platform == "win32":

    def lock(descriptor: int, wait: bool) -> bool:
        return False

else:
    import fcntl

    def lock(descriptor: int, wait: bool) -> bool:
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
