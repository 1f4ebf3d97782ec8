"""Files of age (https://age-encryption.org/v1) for a passphrase, written and read in pieces.

The package pyrage does it with whole files in memory, five times over. Keys of age and SSH are left to it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from leyden.errors import EncryptionError

WORK: Final = 18  # 2**18 rounds as age has it: about a second and 256 MiB, for whoever tries passphrases too
MOST_WORK: Final = 20  # that a file may ask for: 1 GiB
_CHUNK: Final = 64 << 10
_TAG: Final = 16
_LONGEST_HEADER: Final = 256
_HEADER: Final = re.compile(
    rb"age-encryption\.org/v1\n"
    rb"-> scrypt (?P<salt>[A-Za-z0-9+/]{22}) (?P<work>[1-9][0-9]?)\n(?P<body>[A-Za-z0-9+/]{43})\n"
    rb"--- (?P<mac>[A-Za-z0-9+/]{43})\n"
)
_CHANGED: Final = "it is for another passphrase, or was damaged or changed."


def encrypt(plain: BinaryIO, stream: BinaryIO, passphrase: str, work: int = WORK) -> None:
    """Write all that ``plain`` holds from where it stands; trying a passphrase on it takes 2**``work`` rounds."""
    begin(stream, passphrase, work)(plain)


def begin(stream: BinaryIO, passphrase: str, work: int = WORK) -> Callable[[BinaryIO], None]:
    """Write the beginning of a file; what is returned writes what it is given as the rest.

    The memory that a passphrase takes is given back by then, so the plain file is best made in between.
    """
    file_key, salt, nonce = (secrets.token_bytes(16) for _ in range(3))
    body = ChaCha20Poly1305(_wrapping_key(passphrase, salt, work)).encrypt(bytes(12), file_key, None)
    header = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n---" % (_text(salt), work, _text(body))
    _write(stream, b"%s %s\n%s" % (header, _text(_mac(file_key, header)), nonce))
    cipher = ChaCha20Poly1305(_derived(file_key, b"payload", nonce))
    return partial(_write_payload, stream, cipher)


def _write_payload(stream: BinaryIO, cipher: ChaCha20Poly1305, plain: BinaryIO) -> None:
    number, following = 0, plain.read(_CHUNK)
    while True:
        chunk, following = following, plain.read(_CHUNK)
        _write(stream, cipher.encrypt(_nonce(number, last=not following), chunk, None))
        number += 1
        if not following:
            return


def decrypt(stream: BinaryIO, passphrase: str, where: str) -> bytearray:
    """What a file holds; the stream can be sought in. EncryptionError where the passphrase does not open it."""
    begin = stream.tell()
    found = _HEADER.match(_read(stream, _LONGEST_HEADER))
    if found is None:
        raise EncryptionError(f"{where} cannot be opened: it is not for a passphrase, or was damaged or changed.")
    work = int(found["work"])
    if work > MOST_WORK:
        raise EncryptionError(
            f"{where} cannot be opened: it asks for 2**{work} rounds, and 2**{MOST_WORK}, which take 1 GiB of memory, "
            "is the limit. If you trust its origin, open it with the program age."
        )
    salt, body, mac = (_bytes(found[name], where) for name in ("salt", "body", "mac"))
    file_key = _opened(_wrapping_key(passphrase, salt, work), bytes(12), body, where)
    if not hmac.compare_digest(mac, _mac(file_key, found[0][: found.start("mac") - 1])):
        raise EncryptionError(f"{where} cannot be opened: {_CHANGED}")
    stream.seek(begin + found.end())
    return _content(stream, file_key, where)


def _content(stream: BinaryIO, file_key: bytes, where: str) -> bytearray:
    key = _derived(file_key, b"payload", _read(stream, 16))
    plain, number, following = bytearray(), 0, _read(stream, _CHUNK + _TAG)
    while True:
        chunk, following = following, _read(stream, _CHUNK + _TAG)
        plain += (part := _opened(key, _nonce(number, last=not following), chunk, where))
        if not following:
            if not part and number:
                raise EncryptionError(f"{where} cannot be opened: {_CHANGED}")  # one file, one way to write it
            return plain
        number += 1


def _opened(key: bytes, nonce: bytes, content: bytes, where: str) -> bytes:
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, content, None)
    except InvalidTag:
        raise EncryptionError(f"{where} cannot be opened: {_CHANGED}") from None


def _read(stream: BinaryIO, size: int) -> bytes:
    """As much as there is, up to ``size``: files may answer with less."""
    content = b""
    while len(content) < size and (part := stream.read(size - len(content))):
        content += part
    return content


def _write(stream: BinaryIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[stream.write(left) :]


def _wrapping_key(passphrase: str, salt: bytes, work: int) -> bytes:
    scrypt = Scrypt(salt=b"age-encryption.org/v1/scrypt" + salt, length=32, n=1 << work, r=8, p=1)
    return scrypt.derive(passphrase.encode())


def _derived(file_key: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=purpose).derive(file_key)


def _mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.digest(_derived(file_key, b"header"), header, hashlib.sha256)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _text(content: bytes) -> bytes:
    return base64.b64encode(content).rstrip(b"=")


def _bytes(text: bytes, where: str) -> bytes:
    content = base64.b64decode(text + b"=" * (-len(text) % 4))
    if _text(content) != text:
        raise EncryptionError(f"{where} cannot be opened: {_CHANGED}")
    return content
