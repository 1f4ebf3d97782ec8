from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leyden.errors import SealError
from leyden.security.keys import Identity
from leyden.wire import detached

KEY, OTHER = Identity(Ed25519PrivateKey.generate()), Identity(Ed25519PrivateKey.generate())
LINE = detached.sign(b"content", b"purpose\0", KEY)


def test_the_key_that_vouches_is_named():
    assert detached.check(b"content", LINE, b"purpose\0", (OTHER.public, KEY.public), "it") == KEY.public


@pytest.mark.parametrize(
    ("content", "line", "purpose", "trusted", "said"),
    [
        (b"Content", LINE, b"purpose\0", KEY, "somebody changed"),
        (b"content", LINE, b"another\0", KEY, "somebody changed"),
        (b"content", LINE, b"purpose\0", OTHER, "does not count"),
        (b"content", detached.sign(b"content", b"purpose\0", OTHER), b"purpose\0", KEY, "does not count"),
        (b"content", LINE[:-2], b"purpose\0", KEY, "is none"),
        (b"content", LINE + b"more", b"purpose\0", KEY, "is none"),
        (b"content", b"", b"purpose\0", KEY, "is none"),
    ],
)
def test_anything_else_is_refused(content, line, purpose, trusted, said):
    with pytest.raises(SealError, match=said):
        detached.check(content, line, purpose, (trusted.public,), "it")


def test_a_key_of_small_order_vouches_for_nothing():
    weak = (1).to_bytes(32, "little")
    line = f"ed25519:{weak.hex()} {weak.hex()}{bytes(32).hex()}\n".encode()
    with pytest.raises(SealError, match="does not count"):
        detached.check(b"anything", line, b"", (weak,), "it")
