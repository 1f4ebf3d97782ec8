"""torch.save, for programs that write files of their own with it: what it writes is known again when it is read.

What is remembered is the SHA-256 and the length of what was written, taken on its way out and not from the file, which
somebody else may have changed by then. Files are remembered on this machine, buffers in this process alone.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import threading
from collections import OrderedDict
from typing import IO, Any, Final, TypeAlias, final

from leyden.compat.torch_guard import plain_save
from leyden.core.warnings import warn
from leyden.errors import KeyStoreError
from leyden.security import saves
from leyden.security.saves import Saves

Target: TypeAlias = "str | os.PathLike[str] | IO[bytes]"

_MOST: Final = 1 << 16  # saves that a process remembers
_WRITTEN: Final[OrderedDict[tuple[str, int], None]] = OrderedDict()
_LOCK: Final = threading.RLock()
if hasattr(os, "register_at_fork"):  # a worker that is forked while another thread holds the lock would wait for ever
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


def save(obj: object, f: Target, *arguments: Any, **keywords: Any) -> None:
    """Write ``obj`` as torch does, with the arguments of ``torch.save``, and remember what was written."""
    if isinstance(f, (str, os.PathLike)):
        _save_file(obj, f, arguments, keywords)
    elif type(f) is io.BytesIO:
        start = f.tell()
        plain_save(obj, f, *arguments, **keywords)
        with f.getbuffer() as content:
            _remember(hashlib.sha256(content[start : f.tell()]).hexdigest(), f.tell() - start)
    elif hasattr(f, "write"):
        writer = _Writer(f)
        plain_save(obj, writer, *arguments, **keywords)
        writer.note(lasting=_is_file(f))
    else:
        plain_save(obj, f, *arguments, **keywords)  # torch says what is wrong with it


def wrote(digest: str, length: int) -> bool:
    """Whether this user's programs wrote so many bytes with this SHA-256."""
    with _LOCK:
        if (digest, length) in _WRITTEN:
            return True
    return _on_record().has(digest, length)


def may_have_written(length: int) -> bool:
    """Whether they wrote anything of so many bytes; if not, there is no need to digest it."""
    with _LOCK:
        if any(length == written for _, written in _WRITTEN):
            return True
    return _on_record().has_length(length)


def wrote_first(data: bytes, *, buffer: bool) -> int | None:
    """How many bytes at the beginning of ``data`` this user's programs wrote in one save; None: they did not.

    Of a ``buffer`` only this process knows, which spares the record: each storage in a plain pickle is such a buffer.
    """
    record = Saves(b"") if buffer else _on_record()
    with _LOCK:
        written = set(_WRITTEN)
    digest, done = hashlib.sha256(), 0
    for length in sorted(record.lengths() | {length for _, length in written}):
        if length > len(data):
            break
        digest.update(data[done:length])
        done, so_far = length, digest.hexdigest()
        if (so_far, length) in written or record.has(so_far, length):
            return length
    return None


@final
class _Writer:
    """A stream that takes what torch writes, digests it and passes it on."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._length = 0
        self._whole = True

    def write(self, content: bytes | memoryview) -> int:
        self._digest.update(content)
        self._length += len(content)
        return self._stream.write(content)

    def flush(self) -> None:
        self._stream.flush()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Leave a hole, as torch does under ``skip_data``. What the program fills it with nobody can know."""
        self._whole = False
        return self._stream.seek(offset, whence)

    def note(self, lasting: bool) -> None:
        if not self._whole:
            return
        digest = self._digest.hexdigest()
        _remember(digest, self._length)
        if lasting:
            try:
                saves.note(digest, self._length)
            except KeyStoreError as error:
                _warn_once(str(error))


def _save_file(obj: object, path: str | os.PathLike[str], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    try:
        stream = open(path, "wb")  # noqa: PTH123, SIM115 - torch may accept what a Path does not
    except OSError:
        plain_save(obj, path, *arguments, **keywords)  # torch's own error, which programs may know
        return
    with stream:
        writer = _Writer(stream)
        plain_save(obj, writer, *arguments, **keywords)
        writer.note(lasting=True)


def _is_file(stream: IO[bytes]) -> bool:
    try:
        return isinstance(stream.fileno(), int)
    except (AttributeError, OSError):
        return False


def _remember(digest: str, length: int) -> None:
    with _LOCK:
        _WRITTEN[digest, length] = None
        while len(_WRITTEN) > _MOST:
            _WRITTEN.popitem(last=False)


def _on_record() -> Saves:
    try:
        return saves.read()
    except KeyStoreError as error:
        _warn_once(str(error))
        return Saves(b"")


@functools.cache
def _warn_once(why: str) -> None:
    warn(f"Objects in what torch.save writes are read back by this process and its workers, and by no later one: {why}")
