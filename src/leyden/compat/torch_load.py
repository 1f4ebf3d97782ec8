"""torch.load, for programs that read files with it: what this user wrote is read as they ask, all else as data.

A file of Leyden's answers with Lightning's dictionary. What this user's programs wrote with ``torch.save`` goes to
torch, with the arguments of the call. Any other file is interpreted, whatever the arguments are: nothing that it names
is imported or called, so data comes back, and objects are an error with the way out.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import mmap as memory
from typing import IO, Any, Final, TypeAlias, final

from leyden._torch import UnpicklingError, safe_globals
from leyden.api.restore import unrestored
from leyden.checkpoint import load as native
from leyden.checkpoint.content import Source as NativeSource
from leyden.checkpoint.content import content
from leyden.checkpoint.legacy import load_legacy
from leyden.checkpoint.load import MapLocation
from leyden.checkpoint.objects import HYPERPARAMETERS
from leyden.compat.torch_guard import unsafe_plain_load
from leyden.compat.torch_save import may_have_written, wrote, wrote_first
from leyden.core.described import described
from leyden.core.warnings import warn
from leyden.errors import FormatError, TrustError
from leyden.security.encryption import is_encrypted
from leyden.wire.envelope import PREFIX
from leyden.wire.legacy.container import open_saved

Source: TypeAlias = "str | os.PathLike[str] | IO[bytes]"

_START: Final = 64  # bytes that show what a file is
_LENGTH: Final = 8  # bytes of the header's length, which begins a file of Leyden's
_PICKLED: Final = b"\x80"  # begins a file of the older layout of torch's
_FORCED: Final = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_TRUE: Final = ("1", "y", "yes", "true")  # as torch reads it
_log: Final = logging.getLogger("leyden")


@final
class ForeignObjectError(TrustError, UnpicklingError):
    """An object in a file that is not known to be the user's own: what torch's own safe loader raises, too."""


@final
class ForeignFormatError(FormatError, UnpicklingError, RuntimeError):
    """A file that is no checkpoint, is cut short or is malformed: the errors that torch raises are among its bases."""


def load(
    f: Source,
    map_location: MapLocation = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what ``torch.save``, Lightning or Leyden wrote; the arguments are those of ``torch.load``.

    ``pickle_module``, ``weights_only`` and ``pickle_load_args`` count for what this user's programs wrote with
    ``torch.save``, and open nothing else. ``mmap`` maps the tensors of other files.

    Raises:
        ForeignObjectError: The file holds objects, and is not known to be the user's own.
        ForeignFormatError: It is no checkpoint, cut short or malformed.
        SealError: The policy does not allow such a file.
    """
    asked = _Asked(map_location, pickle_module, weights_only, mmap, pickle_load_args)
    with _as_torch_would():
        return _of_file(os.fspath(f), asked) if isinstance(f, (str, os.PathLike)) else _of_stream(f, asked)


def unsafe_torch_load(f: Source, *arguments: Any, **keywords: Any) -> Any:
    """What torch's own ``load`` makes of a file, with its arguments: with ``weights_only=False`` the file runs code.

    For a file whose origin is certain, and that ``leyden convert --allow-class`` cannot translate. The log says that
    this door was opened, and for what.
    """
    name = os.fspath(f) if isinstance(f, (str, os.PathLike)) else "a stream"
    _log.warning("unsafe_torch_load was called: torch unpickles %s, which can run code that is in it", name)
    return unsafe_plain_load(f, *arguments, **keywords)


def unsafe_globals(f: Source) -> list[str]:
    """The names in a file for which ``load`` refuses it, or would at ``weights_only=True`` if it is the user's own.

    Nothing is imported. In a file of one's own, what the program has told torch to be safe is safe.
    """
    with _as_torch_would():
        source = f if isinstance(f, (str, os.PathLike)) else io.BytesIO(_read(f))
        data, where = content(source, mapped=False)
        if _is_leydens(bytes(data[:_START])):
            return []
        names = {event.name for event in open_saved(memoryview(data), where).events if event.name is not None}
        safe = safe_globals() if names and _is_own(data) else frozenset()
    return sorted({".".join(name) for name in names} - safe)


@final
@dataclass(frozen=True)
class _Asked:
    """The arguments of a call beside the file."""

    map_location: MapLocation
    pickle_module: Any
    weights_only: bool | None
    mmap: bool | None
    more: Mapping[str, Any]

    def of_torch(self, stream: Any, mmap: bool | None) -> Any:
        """What torch makes of content that is the user's own."""
        weights_only = self.weights_only
        if weights_only is None:
            # Said for torch, which would ask the environment.
            weights_only = self.pickle_module is None
            if weights_only and os.environ.get(_FORCED, "").lower() in _TRUE:
                warn(
                    f"{_FORCED} is not heeded: the environment loosens nothing. Pass weights_only=False to torch.load."
                )
        return unsafe_plain_load(
            stream, self.map_location, self.pickle_module, weights_only=weights_only, mmap=mmap, **self.more
        )

    def of_leyden(self, source: NativeSource) -> Any:
        # Read into memory: a program may write to the file that it has read.
        tree = native.load(source, map_location=self.map_location, mapped=False, describe=HYPERPARAMETERS)
        return _told(tree, source, "trust whoever sealed it: leyden key trust")

    def interpreted(self, source: NativeSource) -> Any:
        # As torch does where nothing else is said, each tensor goes to the device that it was saved from.
        place = {} if self.map_location is None else self.map_location
        tree = load_legacy(source, map_location=place, mapped=bool(self.mmap), describe=HYPERPARAMETERS)
        return _told(tree, source, "translate it: leyden convert --allow-class")


def _told(tree: Any, source: NativeSource, way_out: str) -> Any:
    """The tree, after a warning about an object among its hyperparameters that was not made."""
    for entry in HYPERPARAMETERS if isinstance(tree, dict) else ():
        if (lost := unrestored(tree.get(entry))) is not None:
            where = source if isinstance(source, (str, os.PathLike)) else "the stream"
            warn(
                f"In the place of {lost.name}, among the {entry} of {where}, there is only its name: the file is not "
                f"known to be yours, so no object was made of it. If you know where it comes from, {way_out}."
            )
    return tree


def _of_file(path: str, asked: _Asked) -> Any:
    length, start = _beginning(path)
    if _is_leydens(start):
        return asked.of_leyden(path)
    if path.endswith(".safetensors"):
        return native.load_weights(path, map_location=asked.map_location, mapped=bool(asked.mmap))
    if may_have_written(length):
        # The very bytes that are digested are unpickled, so all are copied first: the file may change at any moment.
        data, _ = content(path, mapped=False)
        if _is_own(data):
            return asked.of_torch(io.BufferedReader(_Memory(data)), mmap=False)
    return asked.interpreted(path)


@final
class _Memory(io.RawIOBase):
    """Memory as a stream, which copies only what is asked for."""

    def __init__(self, data: memory | bytearray) -> None:
        self._data = memoryview(data)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._data[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, len(self._data))[whence]
        return self._at


def _of_stream(stream: IO[bytes], asked: _Asked) -> Any:
    start = stream.tell()
    data = _read(stream)
    if _is_leydens(data[:_START]):
        return asked.of_leyden(io.BytesIO(data))
    if _is_own(data):
        return asked.of_torch(io.BytesIO(data), asked.mmap)
    # In the older layout a stream may hold several objects, and each load reads one.
    first = wrote_first(data, buffer=type(stream) is io.BytesIO) if data[:1] == _PICKLED else None
    if first is not None:
        stream.seek(start + first)
        return asked.of_torch(io.BytesIO(data[:first]), asked.mmap)
    return asked.interpreted(io.BytesIO(data))


def _is_own(data: memory | bytearray | bytes) -> bool:
    """Whether this user's programs wrote this content with torch.save."""
    return wrote(hashlib.sha256(data).hexdigest(), len(data))


def _read(stream: IO[bytes]) -> bytes:
    """All that is left of a stream, once: what it would answer the next time does not count."""
    data = stream.read()
    if not isinstance(data, bytes):
        raise FormatError(f"The stream gives {described(data)}, and a checkpoint is bytes. Open it in binary mode.")
    return data


def _beginning(path: str) -> tuple[int, bytes]:
    """Length and first bytes of a file; nothing of what is no file, which is refused where it is read."""
    if not os.path.isfile(path):  # noqa: PTH113 - torch may accept what a Path does not
        return 0, b""
    with open(path, "rb") as stream:  # noqa: PTH123
        return os.fstat(stream.fileno()).st_size, stream.read(_START)


def _is_leydens(start: bytes) -> bool:
    return start[_LENGTH : _LENGTH + len(PREFIX)] == PREFIX or is_encrypted(start)


@contextmanager
def _as_torch_would() -> Iterator[None]:
    """Errors that a program can catch which expects torch's."""
    try:
        yield
    except (ForeignObjectError, ForeignFormatError):
        raise  # of a torch.load inside of this one
    except TrustError as error:
        raise ForeignObjectError(f"{error} weights_only=False opens nothing here.") from None
    except FormatError as error:
        raise ForeignFormatError(str(error)) from None
