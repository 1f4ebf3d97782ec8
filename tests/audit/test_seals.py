from __future__ import annotations

import io

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leyden.audit.finding import Budget, File, Place
from leyden.audit.seals import _PREFIX, read_seal
from leyden.security.keys import Identity
from leyden.wire import envelope
from leyden.wire.envelope import Leaf

SIGNER = Identity(Ed25519PrivateKey.from_private_bytes(b"s" * 32))


def sealed(signer) -> bytearray:
    stream = io.BytesIO()
    envelope.write(stream, {"a": Leaf("U8", (4,), 1, lambda: memoryview(b"abcd"))}, "{}", signer)
    return bytearray(stream.getvalue())


def found(content: bytes) -> list[str]:
    return [one.rule for one in read_seal(File(Place("a.ckpt"), memoryview(bytes(content)), Budget()))]


def test_the_beginning_of_a_sealed_file_is_the_writers():
    assert _PREFIX == envelope.PREFIX


@pytest.mark.parametrize("signer", [None, SIGNER], ids=["unsealed", "sealed"])
def test_a_file_as_it_was_saved_is_sound(signer):
    assert found(sealed(signer)) == []


def test_other_files_have_no_seal():
    assert found(b"") == found(b"{}" * 100) == []


@pytest.mark.parametrize("at", [50, 150, 260])
def test_a_changed_header_is_found(at):
    content = sealed(SIGNER)
    content[at] ^= 1
    assert found(content) == ["LEY520"]


def test_a_file_that_was_cut_short_is_found():
    assert found(sealed(SIGNER)[:300]) == ["LEY520"]
