from __future__ import annotations

import io

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leyden.errors import SealError
from leyden.wire.envelope import PREFIX, read, write
from leyden.wire.seal import PURPOSE, Seal, check_signature, signature, usable

DIGEST = "5e" * 32
P = 2**255 - 19
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826


class Key:
    def __init__(self, seed: int) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public = self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


def test_a_signature_names_its_key():
    assert check_signature(DIGEST, signature(DIGEST, Key(1)), "a.ckpt") == Seal(DIGEST, Key(1).public)


def test_nobody_vouches_for_an_unsigned_digest():
    assert signature(DIGEST, None) == b"0" * 192
    assert check_signature(DIGEST, b"0" * 192, "a.ckpt") == Seal(DIGEST, None)


@pytest.mark.parametrize("at", [0, 63, 64, 127, 128, 191])
def test_a_signature_or_key_with_one_other_digit_is_refused(at):
    sealed = bytearray(signature(DIGEST, Key(1)))
    sealed[at] = ord("0") if sealed[at] != ord("0") else ord("1")
    with pytest.raises(SealError, match=r"a\.ckpt: the signature in its seal was not made by the key beside it"):
        check_signature(DIGEST, bytes(sealed), "a.ckpt")


def test_a_signature_of_another_digest_is_refused():
    with pytest.raises(SealError):
        check_signature("5f" * 32, signature(DIGEST, Key(1)), "a.ckpt")


def test_a_signature_made_for_another_purpose_is_refused():
    bare = (Key(1).public + Key(1).sign(bytes.fromhex(DIGEST))).hex().encode()
    with pytest.raises(SealError):
        check_signature(DIGEST, bare, "a.ckpt")
    assert PURPOSE == b"leyden.seal.1\0"


@pytest.mark.parametrize("sign_bit", [0, 1])
@pytest.mark.parametrize(
    "y", [0, 1, P - 1, P, P + 1, ORDER_8, P - ORDER_8], ids=["0", "1", "-1", "p", "p+1", "order 8", "its negative"]
)
def test_a_key_of_small_order_which_fits_every_message_is_refused(y, sign_bit):
    # With such a key, R = the neutral element and S = 0 satisfy the equation for one message in eight at the least.
    public = (y | sign_bit << 255).to_bytes(32, "little")
    neutral = b"\x01" + bytes(31)
    assert not usable(public)
    with pytest.raises(SealError):
        check_signature(DIGEST, (public + neutral + bytes(32)).hex().encode(), "a.ckpt")


def test_a_file_is_signed_as_it_is_written_and_names_its_signer():
    stream = io.BytesIO()
    digest = write(stream, {}, '{"a":1}', Key(3))
    assert read(memoryview(stream.getvalue()), "a.ckpt").seal == Seal(digest, Key(3).public)


def test_signed_and_unsigned_files_differ_in_the_seal_alone():
    signed, unsigned = io.BytesIO(), io.BytesIO()
    assert write(signed, {}, "{}", Key(3)) == write(unsigned, {}, "{}")
    start, stop = 8 + len(PREFIX) + 64, 8 + len(PREFIX) + 256
    assert signed.getvalue()[:start] == unsigned.getvalue()[:start]
    assert signed.getvalue()[stop:] == unsigned.getvalue()[stop:]
