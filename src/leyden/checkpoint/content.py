"""The bytes of a checkpoint: mapped, read into memory, or opened where they are encrypted."""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
from io import BytesIO, RawIOBase
from typing import BinaryIO, Final, TypeAlias

from leyden.checkpoint import remote_files
from leyden.errors import FormatError, SealError
from leyden.security.encryption import Encryption, decrypt, is_encrypted
from leyden.security.keys import Standing, standing
from leyden.security.remote import HTTPS, Remote, place_of
from leyden.wire import envelope

Source: TypeAlias = "str | os.PathLike[str] | Remote | BinaryIO"

VARIABLE: Final = "LEYDEN_AGE_IDENTITIES"
_START: Final = 64  # bytes that show what a file is
_CHUNK: Final = 16 << 20


def content(source: Source, mapped: bool, encryption: Encryption | None = None) -> tuple[mmap.mmap | bytearray, str]:
    """All bytes of a file, writable and private to this process, and how messages name it.

    A file that others may write to is not mapped. An encrypted file is opened into memory: with ``encryption``, or else
    with the keys that LEYDEN_AGE_IDENTITIES names.
    """
    if not isinstance(source, (str, os.PathLike, Remote)):
        read = _read(source)
        return _opened(read, "The stream", encryption) if is_encrypted(read[:_START]) else read, "The stream"
    path = source if isinstance(source, Remote) else place_of(source)
    if isinstance(path, Remote):
        return _fetched(path, encryption), str(path)
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
        if mapped and not _others_may_write(status):
            return mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY), str(path)
        memory = mmap.mmap(-1, status.st_size)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            _read_into(memory, file)
        return memory, str(path)
    finally:
        os.close(descriptor)


def _fetched(remote: Remote, encryption: Encryption | None) -> mmap.mmap | bytearray:
    """The bytes of a remote file. What came over HTTPS without a digest to compare with has to be sealed."""
    data = remote_files.mapped(remote)
    if is_encrypted(data[:_START]):
        data = decrypt(BytesIO(data), _opening(encryption), str(remote))
    if remote.scheme == HTTPS and remote.sha256 is None:
        admit_sealed(memoryview(data), str(remote))
    return data


def admit_sealed(data: memoryview, where: str) -> None:
    """SealError unless a checkpoint is sealed by the user or by somebody whom the user trusts."""
    start = bytes(data[8 : 8 + len(envelope.PREFIX)])
    seal = envelope.read(data, where).seal if start == envelope.PREFIX else None
    if seal is None or seal.signer is None or standing(seal.signer) not in (Standing.OWN, Standing.TRUSTED):
        found = hashlib.sha256(data).hexdigest()
        raise SealError(
            f"{where} is not read: it came over the network, and nobody whom you trust has sealed it. Trust who did "
            "(leyden key trust), or name the file by the digest that its publisher gives, after the address: "
            f"#sha256=… (what came has {found})."
        )


def _others_may_write(status: os.stat_result) -> bool:
    """Whether somebody could change the pages of a mapped file after its digests were verified."""
    return os.name == "posix" and (status.st_mode & 0o022 != 0 or status.st_uid not in (os.geteuid(), 0))


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
