"""The bytes of a checkpoint: mapped, read into memory, or opened where they are encrypted."""

from __future__ import annotations

import mmap
import os
import stat
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from leyden.errors import FormatError
from leyden.security.encryption import Encryption, decrypt, is_encrypted

Source: TypeAlias = "str | os.PathLike[str] | BinaryIO"

VARIABLE: Final = "LEYDEN_AGE_IDENTITIES"
_START: Final = 64  # bytes that show what a file is
_CHUNK: Final = 16 << 20


def content(source: Source, mapped: bool, encryption: Encryption | None = None) -> tuple[mmap.mmap | bytearray, str]:
    """All bytes of a file, writable and private to this process, and how messages name it.

    An encrypted file is opened into memory: with ``encryption``, or else with those that LEYDEN_AGE_IDENTITIES names.
    """
    if not isinstance(source, (str, os.PathLike)):
        read = _read(source)
        return _opened(read, "The stream", encryption) if is_encrypted(read[:_START]) else read, "The stream"
    path = Path(source)
    # Without waiting: opening a pipe that nobody writes to would never return.
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        where = str(path.absolute())
        raise FileNotFoundError(error.errno, "There is no such checkpoint; check the path", where) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FormatError(f"{path} is not a file, as a checkpoint is. If it is a directory, name the file in it.")
        if status.st_size == 0:
            return bytearray(), str(path)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            if is_encrypted(file.read(_START) or b""):
                file.seek(0)
                return decrypt(file, _opening(encryption), str(path)), str(path)
            file.seek(0)
        if mapped:
            return mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY), str(path)
        memory = mmap.mmap(-1, status.st_size)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            _read_into(memory, file)
        return memory, str(path)
    finally:
        os.close(descriptor)


def _read_into(memory: mmap.mmap, file: RawIOBase) -> None:
    with memoryview(memory) as whole:
        done = 0
        while count := file.readinto(whole[done : done + _CHUNK]):
            done += count


def _read(stream: BinaryIO) -> bytearray:
    content = bytearray()
    while chunk := stream.read(_CHUNK):
        content += chunk
    return content


def _opened(read: bytearray, where: str, encryption: Encryption | None) -> bytearray:
    return decrypt(BytesIO(read), _opening(encryption), where)


def _opening(encryption: Encryption | None) -> Encryption:
    """What opens a file: what code says, or the files of keys that the user has named, which loosen nothing."""
    if encryption is not None and (encryption.keys or encryption.passphrase):
        return encryption
    return Encryption(keys=[name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name])
