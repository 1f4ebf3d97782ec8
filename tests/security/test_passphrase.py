from __future__ import annotations

import base64
import io
import time
import tracemalloc

import pyrage
import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from leyden.errors import EncryptionError
from leyden.security.passphrase import MOST_WORK, WORK, _derived, _nonce, _wrapping_key, decrypt, encrypt

QUICK = 4  # rounds as a power of two, where time does not matter
CHUNK = 64 << 10

# What age 1.1.1, written in Go, made for the passphrase "correct horse".
ANOTHERS = (
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBNSG52R3RSNkVTZG1mQmVmMEd3SmFBIDE4Ci82d2xubFZzWEtUck1TWXVW"
    "c0xhZXorQVlUY0pXZFhLZmd0ckNibkNObTQKLS0tIENWcnlpZVFQQVkzcHFoU1pnRTVRVHBqLzVoNklRREVUTk9KYnV1MzlUVDQK"
    "H60je/JLYamQCFN/ke+RxpYt9SYVpy7nsRwUCzl6JLS/7dLjr+sGbaU6ugIbcu2g/qdsV+6gin1cgw=="
)


def encrypted(plain, passphrase="x", work=QUICK):
    stream = io.BytesIO()
    encrypt(io.BytesIO(plain), stream, passphrase, work)
    return stream.getvalue()


def opened(content, passphrase="x"):
    return decrypt(io.BytesIO(content), passphrase, "a.ckpt")


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 200_000])
def test_any_size_comes_back_here_and_in_another_implementation(size):
    plain = (b"weights" * (size // 7 + 1))[:size]
    content = encrypted(plain)
    assert opened(content) == plain
    assert pyrage.passphrase.decrypt(content, "x") == plain


def test_a_file_of_age_itself_is_opened():
    assert opened(base64.b64decode(ANOTHERS), "correct horse") == b"written by another program"


def test_a_passphrase_takes_as_long_to_try_as_with_age_itself():
    assert (WORK, MOST_WORK) == (18, 20)
    content = encrypted(b"short", "pässwörd", WORK)
    assert b" 18\n" in content
    assert pyrage.passphrase.decrypt(content, "pässwörd") == b"short"


def test_the_same_content_is_never_written_the_same_way():
    first, second = encrypted(b"same"), encrypted(b"same")
    assert len(first) == len(second)
    assert sum(a != b for a, b in zip(first[-36:], second[-36:], strict=True)) > 20


def test_another_passphrase_does_not_open_it():
    with pytest.raises(EncryptionError, match=r"^a\.ckpt cannot be opened: it is for another passphrase"):
        opened(encrypted(b"short"), "y")


def test_no_bit_can_be_changed_and_nothing_be_cut_or_added():
    content = encrypted(b"some weights")
    for at in range(len(content)):
        for bit in (1, 128):
            changed = bytearray(content)
            changed[at] ^= bit
            with pytest.raises(EncryptionError):
                opened(changed)
        with pytest.raises(EncryptionError):
            opened(content[:at])
    for more in (b"\0", bytes(16), content[-28:]):
        with pytest.raises(EncryptionError):
            opened(content + more)


def test_pieces_cannot_be_cut_off_swapped_or_repeated():
    content = encrypted(bytes(3 * CHUNK + 5))
    start = len(content) - 3 * (CHUNK + 16) - 21
    pieces = [content[start + n * (CHUNK + 16) :][: CHUNK + 16] for n in range(4)]
    assert opened(content[:start] + b"".join(pieces)) == bytes(3 * CHUNK + 5)
    for order in ((0, 1, 2), (0, 1), (0,), (), (1, 0, 2, 3), (0, 1, 2, 2, 3), (0, 1, 2, 3, 3), (3,)):
        with pytest.raises(EncryptionError, match="cannot be opened"):
            opened(content[:start] + b"".join(pieces[n] for n in order))


def test_an_empty_last_piece_after_a_full_one_is_refused():
    """Made with the right key, and yet no file of age: there is one way to write each content."""
    content = encrypted(bytes(CHUNK))
    start = len(content) - CHUNK - 16
    header = content[:start]
    key = _file_key(header)
    cipher = ChaCha20Poly1305(_derived(key, b"payload", header[-16:]))
    pieces = cipher.encrypt(_nonce(0, last=False), bytes(CHUNK), None) + cipher.encrypt(_nonce(1, last=True), b"", None)
    with pytest.raises(EncryptionError, match="cannot be opened"):
        opened(header + pieces)
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(header + pieces, "x")


def _file_key(header):
    salt, body = (base64.b64decode(part + b"==") for part in (header.split()[3], header.split()[5] + b"="))
    return ChaCha20Poly1305(_wrapping_key("x", salt, QUICK)).decrypt(bytes(12), body, None)


@pytest.mark.parametrize("work", [21, 22, 30, 63, 99])
def test_a_file_that_asks_for_too_many_rounds_is_refused_at_once(work):
    content = encrypted(b"short").replace(b" 4\n", b" %d\n" % work, 1)
    began = time.monotonic()
    with pytest.raises(EncryptionError, match=rf"asks for 2\*\*{work} rounds, and 2\*\*20, which take 1 GiB"):
        opened(content)
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    ("old", "new"),
    [(b" 4\n", b" 04\n"), (b" 4\n", b" 0\n"), (b" 4\n", b" 4 \n"), (b" 4\n", b" -4\n"), (b" 4\n", b" 100\n"),
     (b"-> scrypt", b"-> scrypt "), (b"-> scrypt", b"-> X25519"), (b"/v1\n", b"/v2\n"), (b"\n", b"\r\n"),
     (b"--- ", b"-> grease\n\n--- "), (b"--- ", b"---")],
    ids=str,
)  # fmt: skip
def test_a_header_that_is_written_in_another_way_is_refused(old, new):
    content = encrypted(b"short")
    assert old in content
    with pytest.raises(EncryptionError, match="not for a passphrase, or was damaged or changed"):
        opened(content.replace(old, new, 1))


def test_neither_way_takes_more_memory_than_the_content_and_a_few_pieces():
    size = 8 << 20
    plain, stream = io.BytesIO(bytes(size)), io.BytesIO(bytes(size + (1 << 20)))
    tracemalloc.start()
    try:
        encrypt(plain, stream, "x", QUICK)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        stream.truncate()
        stream.seek(0)
        tracemalloc.reset_peak()
        assert len(decrypt(stream, "x", "a.ckpt")) == size
        assert tracemalloc.get_traced_memory()[1] < 1.3 * size
    finally:
        tracemalloc.stop()
