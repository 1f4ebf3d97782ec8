"""Files in remote stores, by fsspec, and over HTTPS: read whole into private files, written whole or not at all."""

from __future__ import annotations

import functools
import hashlib
import mmap
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from leyden.core.packages import require
from leyden.errors import DigestError, KeyStoreError, PathError, RemoteError
from leyden.security.keys import home
from leyden.security.paths import private_directory, private_temporary, replacing, write_all
from leyden.security.redact import Secret, redact_text
from leyden.security.remote import HTTPS, Allowed, Remote, allowed
from leyden.wire.safetensors import LARGEST_HEADER

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

# What the libraries under fsspec's file systems raise that is no OSError.
_CLIENTS: Final = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("gcsfs.retry", "HttpError"),
    ("aiohttp.client_exceptions", "ClientError"),
)
_CACHE: Final = "cache"
_CHUNK: Final = 16 << 20
_ONE_AT_A_TIME: Final = Lock()  # what fsspec knows of a transaction belongs to the file system, not to a thread


def mapped(remote: Remote) -> mmap.mmap | bytearray:
    """All bytes of a remote file, private to this process, from a private file that has no name or one of the cache.

    Raises:
        FileNotFoundError: there is no such file.
        RemoteError: it cannot be read, or is larger than was allowed.
        DigestError: it is not the file that was asked for by its digest.
    """
    if remote.sha256 is not None:
        if (known := _cached(remote.sha256)) is not None:
            return known
        if (folder := _cache()) is not None:
            with replacing(folder / remote.sha256) as stream:
                _copy(remote, stream)
                return _map(stream)
    with private_temporary() as stream:
        _copy(remote, stream)
        return _map(stream)


@contextmanager
def uploading(remote: Remote) -> Iterator[BinaryIO]:
    """A private temporary file that becomes the remote one at the end of the block, whole or not at all.

    Raises:
        RemoteError: it cannot be written there. What was there before stays as it was.
    """
    if remote.scheme == HTTPS:
        raise RemoteError(f"{remote} is not written: https:// is for reading. Use the address of a store, as s3://…")
    files = _file_system(remote)
    with private_temporary() as stream:
        yield stream
        stream.flush()
        size = stream.seek(0, 2)
        stream.seek(0)
        try:
            with _named(remote), _ONE_AT_A_TIME:
                # In a transaction the object appears when it is complete; without, what was sent until an error would.
                with files.transaction, files.open(_key(remote), "wb") as target:
                    shutil.copyfileobj(stream, target, _CHUNK)
                there = files.size(_key(remote))
        except FileNotFoundError:
            raise RemoteError(f"{remote} cannot be written: there is no such bucket or directory.") from None
        if there != size:
            raise RemoteError(f"{remote} was not written whole: the store says that it has {there} of {size:,} bytes.")


def without_data(remote: Remote) -> mmap.mmap | bytearray:
    """The header of a remote checkpoint, and zeros that take no memory in the place of its tensors."""
    length = min(int.from_bytes(start_of(remote, 8), "little"), LARGEST_HEADER)
    start = start_of(remote, 8 + length)
    with _named(remote):
        size = _file_system(remote).size(_key(remote)) if start else 0
    if size is not None and size > allowed(remote).largest:
        raise _too_large(remote, size)
    with private_temporary() as stream:
        write_all(stream, start)
        stream.truncate(max(size or 0, len(start)))
        return _map(stream)


def exists(remote: Remote) -> bool:
    """Is there a file under this address?"""
    with _named(remote):
        files = _file_system(remote)
        files.invalidate_cache()
        return bool(files.exists(_key(remote)))


def names(folder: Remote) -> list[str]:
    """All files beneath a remote directory, by their names relative to it."""
    with _named(folder):
        files = _file_system(folder)
        files.invalidate_cache()
        try:
            found = files.find(_key(folder))
        except FileNotFoundError:
            return []
    start = _key(folder).rstrip("/") + "/"
    return sorted(name[len(start) :] for name in map(str, found) if name.startswith(start))


def start_of(remote: Remote, count: int) -> bytes:
    """The first bytes of a remote file; none where there is no such file."""
    with _named(remote):
        files = _file_system(remote)
        files.invalidate_cache()
        try:
            return bytes(files.cat_file(_key(remote), start=0, end=min(count, files.size(_key(remote)))))
        except FileNotFoundError:
            return b""


def delete(remote: Remote) -> None:
    """Delete one remote file, if it is there."""
    with _named(remote):
        try:
            _file_system(remote).rm_file(_key(remote))
        except FileNotFoundError:
            return


def _copy(remote: Remote, stream: BinaryIO) -> None:
    if remote.scheme == HTTPS:
        from leyden.security.https import fetch  # here, since TLS and HTTP take time to import, and few need them

        fetch(remote, stream)
        return
    found = hashlib.sha256()
    with _named(remote):
        files, key = _file_system(remote), _key(remote)
        files.invalidate_cache()
        size = files.size(key)
        if size is None:
            raise RemoteError(f"{remote}: the store does not say how large it is. Is it a directory?")
        if size > allowed(remote).largest:
            raise _too_large(remote, size)
        for start in range(0, size, _CHUNK):
            chunk = files.cat_file(key, start=start, end=min(start + _CHUNK, size))
            found.update(chunk)
            write_all(stream, chunk)
    if remote.sha256 not in (None, found.hexdigest()):
        raise DigestError(f"{remote} has the digest {found.hexdigest()} and not the one that was asked for.")


def _too_large(remote: Remote, size: int) -> RemoteError:
    return RemoteError(
        f"{remote} has {size:,} bytes, and {allowed(remote).largest:,} is the limit. If that is right, raise it with "
        "leyden.allow_remote(..., largest=...)."
    )


def _map(stream: BinaryIO) -> mmap.mmap | bytearray:
    stream.flush()
    if stream.seek(0, 2) == 0:
        return bytearray()
    return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)


def _cache() -> Path | None:
    """Where files that were asked for by their digest lie under it; None where nothing can be kept."""
    try:
        return private_directory(home() / _CACHE)
    except (OSError, KeyStoreError):
        return None


def _cached(digest: str) -> mmap.mmap | bytearray | None:
    """A file of the cache that still is what its name says."""
    folder = _cache()
    if folder is None:
        return None
    try:
        with (folder / digest).open("rb") as stream:
            data = _map(stream)
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == digest else None


def _file_system(remote: Remote) -> AbstractFileSystem:
    if remote.scheme == HTTPS:
        raise RemoteError(f"{remote}: https:// is for reading single files. Use the address of a store, as s3://…")
    return _client(remote.scheme, allowed(remote))


@functools.lru_cache
def _client(scheme: str, leave: Allowed) -> AbstractFileSystem:
    """A connection of our own, so that nobody else's transaction is ours."""
    require("fsspec", f"{scheme}://")
    import fsspec  # here: local paths never need it

    try:
        return fsspec.filesystem(scheme, skip_instance_cache=True, **_revealed(leave.options))
    except (ImportError, ValueError) as error:  # what fsspec says where a client is missing, or a scheme is unknown
        raise RemoteError(f"{scheme}:// cannot be used: {error}.") from None


def _revealed(options: Any) -> Any:
    match options:
        case Secret():
            return options.reveal()
        case Mapping():
            return {name: _revealed(value) for name, value in options.items()}
        case _:
            return options


def _key(remote: Remote) -> str:
    return f"{remote.host}/{remote.path}" if remote.scheme != "memory" else f"/{remote.host}/{remote.path}"


@contextmanager
def _named(remote: Remote) -> Iterator[None]:
    """Errors of a client say what they were about, and nothing of what it was told besides."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(2, "There is no such checkpoint; check the address", str(remote)) from None
    except (RemoteError, PathError):
        raise
    except OSError as error:
        raise RemoteError(f"{remote}: {error.strerror or type(error).__name__}.") from None
    except _errors_of_clients() as error:
        raise RemoteError(f"{remote}: {redact_text(str(error))[:200] or type(error).__name__}") from None


def _errors_of_clients() -> tuple[type[Exception], ...]:
    """Those of the clients that are there: fsspec lets through what it does not know."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in _CLIENTS)
    return tuple(kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception))
