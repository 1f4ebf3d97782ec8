"""A detached Ed25519 signature: the text beside a file that says who vouches for it.

It is one line: ``ed25519:``, the public key in hexadecimal, a space, and the signature in hexadecimal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from leyden.errors import SealError
from leyden.wire.seal import Signer, usable

LARGEST: Final = 1_024  # bytes of the line
_LINE: Final = re.compile(rb"ed25519:([0-9a-f]{64}) ([0-9a-f]{128})\n?")


def sign(content: bytes, purpose: bytes, signer: Signer) -> bytes:
    """The line for ``content``. A signature that is made for one purpose is none for another."""
    return f"ed25519:{signer.public.hex()} {signer.sign(purpose + content).hex()}\n".encode("ascii")


def check(content: bytes, line: bytes, purpose: bytes, trusted: Iterable[bytes], what: str) -> bytes:
    """The public key that vouches for ``content``; SealError where none of the trusted ones does."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise SealError(f"What should be the signature of {what} is none. Use another copy.")
    public, signature = bytes.fromhex(found[1].decode()), bytes.fromhex(found[2].decode())
    if public not in trusted or not usable(public):
        raise SealError(f"{what} is signed with the key ed25519:{public.hex()}, which does not count for it.")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, purpose + content)
    except (InvalidSignature, ValueError):
        raise SealError(f"{what} is not what its signature was made for: somebody changed one of them.") from None
    return public
