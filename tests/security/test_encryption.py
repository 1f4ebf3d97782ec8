from __future__ import annotations

import base64
import io
import os
import sys
import time
import tracemalloc
from pathlib import Path

import pyrage
import pytest

from leyden.errors import EncryptionError, KeyStoreError, PackageError
from leyden.security.encryption import Encryption, decrypt, encrypt, is_encrypted
from leyden.security.redact import Secret

PLAIN = b"weights" * 30_000

# What age 1.1.1, written in Go, made for a key that is used nowhere else.
ANOTHERS_KEY = "AGE-SECRET-KEY-1A6Y3X59GZPNZD9AALWY0ZX5F6GADC9QY7F9ZQ557AKDF6UUPCJXQKY2YYS"
ANOTHERS_FILE = (
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBxN0FFY2Z2cmE2RlhOL09UUCtGRW1ZTzg3Z1JmZy9ueGZvbVE0RmZDNW5R"
    "CmI1RmdhNE1kbFdFK0dweHpPa0NEUTRseldYazFZWDhUaGpyMzgxZ3RUV1kKLS0tIHdaZldtSWJnejFHY1lxaVdOMnk4alpsbkMx"
    "L1d0eWtYdDBuZ1FlTWhPNVkKklAJuAImxpvm92vd5BYVZPdmmMuBGQE0iupyZ3c+sZ5nXGNB+FFsKEDda4zgnQiDJhuWluTEUqEK"
    "Vg=="
)


@pytest.fixture
def key():
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def file(key, tmp_path):
    (tmp_path / "keys").touch(0o600)
    (tmp_path / "keys").write_text(f"# made for a test\n{key}\n")
    return Encryption(keys=tmp_path / "keys")


def encrypted(recipients, plain=PLAIN):
    stream = io.BytesIO()
    encrypt(io.BytesIO(plain), stream, recipients)
    return stream.getvalue()


def test_what_is_encrypted_for_a_key_is_opened_with_it(key, file):
    content = encrypted(Encryption(str(key.to_public())))
    assert is_encrypted(content)
    assert PLAIN[:20] not in content
    assert decrypt(io.BytesIO(content), file, "a.ckpt") == PLAIN


def test_each_of_several_recipients_can_open_it(key, file):
    other = pyrage.x25519.Identity.generate().to_public()
    assert decrypt(io.BytesIO(encrypted(Encryption([str(other), str(key.to_public())]))), file, "a.ckpt") == PLAIN


def test_what_is_encrypted_with_a_passphrase_is_opened_with_it_alone():
    content = encrypted(Encryption(passphrase=Secret("correct horse")), b"short")
    assert decrypt(io.BytesIO(content), Encryption(passphrase=Secret("correct horse")), "a.ckpt") == b"short"
    with pytest.raises(EncryptionError, match=r"a\.ckpt cannot be opened: it is for another passphrase"):
        decrypt(io.BytesIO(content), Encryption(passphrase=Secret("wrong")), "a.ckpt")


def test_a_file_of_another_implementation_is_opened(tmp_path):
    (tmp_path / "keys").touch(0o600)
    (tmp_path / "keys").write_text(ANOTHERS_KEY)
    opened = decrypt(io.BytesIO(base64.b64decode(ANOTHERS_FILE)), Encryption(keys=tmp_path / "keys"), "a.ckpt")
    assert opened == b"written by another program"


def test_another_key_does_not_open_it(file):
    other = pyrage.x25519.Identity.generate().to_public()
    with pytest.raises(EncryptionError, match=r"a\.ckpt cannot be opened.*other keys"):
        decrypt(io.BytesIO(encrypted(Encryption(str(other)))), file, "a.ckpt")


@pytest.mark.parametrize("at", [30, 250, -70_000, -1])
def test_a_changed_file_is_refused(key, file, at):
    content = bytearray(encrypted(Encryption(str(key.to_public()))))
    content[at] ^= 1
    with pytest.raises(EncryptionError, match="cannot be opened"):
        decrypt(io.BytesIO(content), file, "a.ckpt")


def test_a_file_cut_short_is_refused(key, file):
    content = encrypted(Encryption(str(key.to_public())))
    for length in (0, 10, 100, 70_000, len(content) - 1):
        with pytest.raises(EncryptionError, match="cannot be opened"):
            decrypt(io.BytesIO(content[:length]), file, "a.ckpt")


@pytest.mark.parametrize("encryption", [None, Encryption()])
def test_an_encrypted_file_without_anything_that_opens_it_says_so(encryption):
    with pytest.raises(EncryptionError, match=r"a\.ckpt is encrypted, and nothing was given"):
        decrypt(io.BytesIO(b""), encryption, "a.ckpt")


@pytest.mark.parametrize("keys", [("age1xyz",), ("ssh-ed25519 AAAA",), ("alice",), ("",)])
def test_what_is_no_public_key_is_refused_before_anything_is_written(keys):
    with pytest.raises(EncryptionError):
        Encryption(keys)


def test_encryption_is_for_keys_or_for_a_passphrase():
    for arguments in ({"to": "age1x"}, {"keys": "file"}):
        with pytest.raises(EncryptionError, match="Give the one or the other"):
            Encryption(**arguments, passphrase=Secret("x"))
    with pytest.raises(EncryptionError, match=r"is a leyden\.Secret"):
        Encryption(passphrase="x")


@pytest.mark.parametrize(
    "content", [b"", b"# nothing\n", b"\xff\xfe", b"AGE-SECRET-KEY-1XX\n", b"-----BEGIN OPENSSH PRIVATE KEY-----\n"]
)
def test_a_file_without_a_usable_key_is_named(tmp_path, key, content):
    (tmp_path / "keys").touch(0o600)
    (tmp_path / "keys").write_bytes(content)
    with pytest.raises(EncryptionError, match="keys holds no key"):
        decrypt(io.BytesIO(encrypted(Encryption(str(key.to_public())), b"x")), Encryption(keys=tmp_path / "keys"), "a")


def opening_with(path, key):
    decrypt(io.BytesIO(encrypted(Encryption(str(key.to_public())), b"x")), Encryption(keys=path), "a.ckpt")


def test_a_missing_file_of_keys_is_named(key):
    with pytest.raises(KeyStoreError, match="nowhere cannot be read: No such file"):
        opening_with(Path("nowhere"), key)


def test_a_file_of_keys_that_others_can_read_is_refused_with_the_way_out(key, file):
    file.keys[0].chmod(0o644)
    with pytest.raises(KeyStoreError, match="Others may use the key .*chmod 600"):
        opening_with(file.keys[0], key)


def test_what_is_no_file_of_keys_is_refused_and_not_waited_for(key, tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(KeyStoreError, match="is not a file"):
            opening_with(path, key)


def test_a_list_of_recipients_without_an_end_is_refused_at_once(key, file):
    stanza = b"-> X25519 " + base64.b64encode(bytes(32)).rstrip(b"=") + b"\n" + b"A" * 43 + b"\n"
    content = b"age-encryption.org/v1\n" + stanza * 100_000 + b"--- " + b"A" * 43 + b"\n" + bytes(100)
    began = time.monotonic()
    with pytest.raises(EncryptionError, match="those whom it is for has no end within"):
        decrypt(io.BytesIO(content), file, "a.ckpt")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("count", [1, 300])
def test_a_file_for_many_is_opened_by_each(key, file, count):
    others = [str(pyrage.x25519.Identity.generate().to_public()) for _ in range(count)]
    assert decrypt(io.BytesIO(encrypted(Encryption([*others, str(key.to_public())]))), file, "a.ckpt") == PLAIN


def armored(content):
    text = base64.b64encode(content)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN AGE ENCRYPTED FILE-----", *lines, b"-----END AGE ENCRYPTED FILE-----", b""])


def test_a_file_written_as_text_is_opened_with_keys_and_with_a_passphrase(key, file):
    content = armored(encrypted(Encryption(str(key.to_public()))))
    assert is_encrypted(content)
    assert decrypt(io.BytesIO(content), file, "a.ckpt") == PLAIN
    secret = Encryption(passphrase=Secret("x"))
    assert decrypt(io.BytesIO(armored(encrypted(secret, b"short"))), secret, "a.ckpt") == b"short"
    with pytest.raises(EncryptionError, match="damaged or changed"):
        decrypt(io.BytesIO(content.replace(b"\n-----END", b"!\n-----END")), file, "a.ckpt")


def test_a_passphrase_is_not_shown():
    assert "correct" not in repr(Encryption(passphrase=Secret("correct")))


def test_without_the_package_keys_name_the_way_out_and_passphrases_need_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyrage", None)
    secret = Encryption(passphrase=Secret("x"))
    assert decrypt(io.BytesIO(encrypted(secret, b"short")), secret, "a.ckpt") == b"short"
    with pytest.raises(PackageError, match=r"pip install 'leyden\[age\]'"):
        Encryption("age1x")


def test_opening_takes_little_more_memory_than_the_content(key, file):
    content = io.BytesIO(encrypted(Encryption(str(key.to_public())), bytes(8 << 20)))
    tracemalloc.start()
    try:
        decrypt(content, file, "a.ckpt")
        assert tracemalloc.get_traced_memory()[1] < 1.5 * (8 << 20)
    finally:
        tracemalloc.stop()
