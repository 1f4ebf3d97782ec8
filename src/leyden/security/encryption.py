"""Encryption at rest, in the age format (https://age-encryption.org/v1): for keys by the package pyrage."""

from __future__ import annotations

import base64
import binascii
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, final

from leyden.errors import EncryptionError, PackageError
from leyden.security import passphrase as by_passphrase
from leyden.security.keys import read_private_file
from leyden.security.redact import Secret

if TYPE_CHECKING:
    from types import ModuleType

MAGIC: Final = b"age-encryption.org/v1\n"
_ARMOR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_ARMOR_ENDS: Final = b"-----END AGE ENCRYPTED FILE-----"
_LONGEST_HEADER: Final = 128 << 10  # bytes: over 600 recipients
_LARGEST_IDENTITIES: Final = 1 << 20


@final
@dataclass(frozen=True, init=False)
class Encryption:
    """For whom files are encrypted, and what opens them: keys, or a passphrase that does both.

    Args:
        to: public keys of those who shall read the files: of age (``age1…``) or of SSH (``ssh-ed25519 …``,
            ``ssh-rsa …``). None: for opening alone.
        keys: files with private keys (``AGE-SECRET-KEY-…``, or an SSH key without a passphrase) that only their owner
            can read. Where there are none, those that LEYDEN_AGE_IDENTITIES names open a file.
        passphrase: instead of both.
    """

    to: tuple[str, ...]
    keys: tuple[Path, ...]
    passphrase: Secret | None

    def __init__(
        self,
        to: str | Sequence[str] = (),
        keys: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        passphrase: Secret | None = None,
    ) -> None:
        recipients = (to,) if isinstance(to, str) else tuple(to)
        files = (keys,) if isinstance(keys, (str, os.PathLike)) else tuple(keys)
        if passphrase is not None and (recipients or files):
            raise EncryptionError("A passphrase stands in the place of keys. Give the one or the other.")
        if passphrase is not None and not isinstance(passphrase, Secret):
            raise EncryptionError("A passphrase is a leyden.Secret, so that no log shows it: Secret(...)")
        if recipients:
            _recipients(_age(), recipients)
        object.__setattr__(self, "to", recipients)
        object.__setattr__(self, "keys", tuple(Path(file).expanduser() for file in files))
        object.__setattr__(self, "passphrase", passphrase)

    @property
    def encrypts(self) -> bool:
        """Whether it says for whom to encrypt."""
        return bool(self.to) or self.passphrase is not None


def is_encrypted(start: bytes | bytearray) -> bool:
    """Whether a file that begins like this is an age file."""
    return start.startswith((MAGIC, _ARMOR))


def encrypt(plain: BinaryIO, stream: BinaryIO, encryption: Encryption) -> None:
    """Write what ``plain`` holds from where it stands to ``stream``, in pieces; it is never on the disk as it is."""
    begin(stream, encryption)(plain)


def begin(stream: BinaryIO, encryption: Encryption) -> Callable[[BinaryIO], None]:
    """What encrypts a plain file to ``stream``. What a passphrase takes for itself in memory is given back by then."""
    if encryption.passphrase is not None:
        return by_passphrase.begin(stream, encryption.passphrase.reveal())
    return partial(_for_recipients, stream, _recipients(_age(), encryption.to))


def _for_recipients(stream: BinaryIO, recipients: list[Any], plain: BinaryIO) -> None:
    age = _age()
    try:
        age.encrypt_io(plain, stream, recipients)
    except age.EncryptError as error:
        raise EncryptionError(f"The file cannot be encrypted: {error}") from None


def decrypt(stream: BinaryIO, encryption: Encryption | None, where: str) -> bytearray:
    """What an age file holds; EncryptionError where nothing of ``encryption`` opens it or it was changed.

    Raises KeyStoreError for a file of keys that is not there, or that others can read too.
    """
    if encryption is None or not (encryption.keys or encryption.passphrase):
        raise EncryptionError(
            f"{where} is encrypted, and nothing was given that opens it: name files of private keys in code or in the "
            "variable LEYDEN_AGE_IDENTITIES, or give a passphrase in code."
        )
    content = _binary(stream, where)
    _check_header(content, where)
    if encryption.passphrase is not None:
        return by_passphrase.decrypt(content, encryption.passphrase.reveal(), where)
    age = _age()
    try:
        plain = _Memory()
        age.decrypt_io(content, plain, [key for file in encryption.keys for key in _private_keys(age, file)])
    except (age.DecryptError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's; age's own have no number
            raise
        raise EncryptionError(
            f"{where} cannot be opened: {error}. It is for other keys or a passphrase, or was damaged or changed."
        ) from None
    return plain.content


def _check_header(stream: BinaryIO, where: str) -> None:
    """Trying a key on each of a hundred thousand recipients would take an hour."""
    begin = stream.tell()
    start = stream.read(_LONGEST_HEADER)
    stream.seek(begin)
    if b"\n--- " not in start:
        raise EncryptionError(
            f"{where} cannot be opened: the list of those whom it is for has no end within {_LONGEST_HEADER:,} bytes. "
            "It was damaged, or made to be slow. Use another copy."
        )


def _binary(stream: BinaryIO, where: str) -> BinaryIO:
    """The file as it is, or what is in it where it is written as text."""
    begin = stream.tell()
    armored = stream.read(len(_ARMOR)) == _ARMOR
    stream.seek(begin)
    if not armored:
        return stream
    text = stream.read().strip().removeprefix(_ARMOR).removesuffix(_ARMOR_ENDS)
    try:
        return io.BytesIO(base64.b64decode(text.translate(None, b"\r\n"), validate=True))
    except binascii.Error:
        raise EncryptionError(f"{where} cannot be opened: it was damaged or changed. Use another copy.") from None


@final
class _Memory(io.RawIOBase):
    """A stream into memory that can be written to afterwards without a copy."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.content += data
        return len(data)


def _recipients(age: ModuleType, keys: Sequence[str]) -> list[Any]:
    kinds = {"age1": age.x25519.Recipient, "ssh-": age.ssh.Recipient}
    made = []
    for key in keys:
        kind = kinds.get(key[:4])
        if kind is None:
            raise EncryptionError(f"{key[:40]!r} is no public key of age (age1…) or of SSH (ssh-ed25519 …, ssh-rsa …).")
        try:
            made.append(kind.from_str(key))
        except age.RecipientError as error:
            raise EncryptionError(f"{key[:80]!r} is damaged: {error}. Copy it again.") from None
    return made


def _private_keys(age: ModuleType, path: Path) -> list[Any]:
    content = read_private_file(path, _LARGEST_IDENTITIES)
    try:
        if content.startswith(b"-----BEGIN"):
            return [age.ssh.Identity.from_buffer(content)]
        lines = [line for line in content.decode().split() if line.startswith("AGE-SECRET-KEY-")]
        keys = [age.x25519.Identity.from_str(line) for line in lines]
    except (age.IdentityError, UnicodeDecodeError) as error:
        raise EncryptionError(f"{path} holds no key that can be used: {error}") from None
    if not keys:
        raise EncryptionError(f"{path} holds no key: a line with one begins with AGE-SECRET-KEY-.")
    return keys


def _age() -> ModuleType:
    try:
        import pyrage  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise PackageError("Encryption needs the package pyrage. Install it: pip install 'leyden[age]'") from None
    module: ModuleType = pyrage
    return module
