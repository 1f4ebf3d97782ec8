"""Who wrote a file: an Ed25519 signature over the digest of its header.

The seal of a checkpoint is 256 hexadecimal characters: 64 of the digest, 64 of the public key, 128 of the signature.
The last two are zeros in a file that nobody signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from leyden.errors import SealError

# A signature that was made for one purpose is none for another.
PURPOSE: Final = b"leyden.seal.1\0"
UNSIGNED: Final = b"0" * 192
_PUBLIC = 64

# Keys of small order, by their y: some signature of theirs fits any message, so they vouch for nothing. (RFC 8032
# leaves them to the verifier; section 5.1.3 has p and the encoding.)
_P = 2**255 - 19
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8})


class Signer(Protocol):
    """Something that holds a private key and does not show it."""

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature of ``message``."""


@final
@dataclass(frozen=True)
class Seal:
    """A digest, and the public key that vouches for it; None where nobody does."""

    digest: str
    signer: bytes | None


def usable(public: bytes) -> bool:
    """Whether these 32 bytes can be the public key of somebody in particular."""
    return len(public) == 32 and (int.from_bytes(public, "little") & (2**255 - 1)) % _P not in _SMALL_ORDER


def signature(digest: str, signer: Signer | None) -> bytes:
    """What follows the digest in a seal: the key and its signature in hexadecimal, or zeros."""
    if signer is None:
        return UNSIGNED
    return (signer.public + signer.sign(PURPOSE + bytes.fromhex(digest))).hex().encode()


def check_signature(digest: str, signature: bytes, where: str) -> Seal:
    """The seal with this digest; SealError where the signature is not one of its key over this digest."""
    if signature == UNSIGNED:
        return Seal(digest, None)
    public = bytes.fromhex(signature[:_PUBLIC].decode())
    if not usable(public) or not _signed(public, bytes.fromhex(signature[_PUBLIC:].decode()), bytes.fromhex(digest)):
        raise SealError(
            f"{where}: the signature in its seal was not made by the key beside it. Somebody changed the file or its "
            "seal. Use another copy."
        )
    return Seal(digest, public)


def _signed(public: bytes, signature: bytes, digest: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, PURPOSE + digest)
    except (InvalidSignature, ValueError):
        return False
    return True
