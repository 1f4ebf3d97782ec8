"""Where files may be read and written: names that came from a file, private directories, whole files or none."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, Final

from leyden.errors import PathError

_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final[int] = getattr(os, "O_BINARY", 0)
_HAS_DIRECTORY_HANDLES: Final = os.open in os.supports_dir_fd


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
    ``path`` is replaced and not followed.
    """
    with _directory(path.parent) as handle:
        _check_replaceable(path)
        # The name owes nothing to that of the target, which may be as long as a name can be.
        temporary = f".{secrets.token_hex(8)}.leyden-tmp"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
        descriptor = os.open(_at(path.parent, temporary, handle), flags, 0o600, dir_fd=handle)
        try:
            with open(descriptor, "r+b", buffering=0) as stream:  # noqa: PTH123
                yield stream
                os.fsync(descriptor)
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
        if handle is not None:
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
