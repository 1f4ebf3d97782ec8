from __future__ import annotations

import pyrage
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from leyden.checkpoint.save import save
from leyden.cli.main import main
from leyden.security import keys
from leyden.security.encryption import Encryption
from leyden.wire import envelope


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"weights")
    return tmp_path / "model"


@pytest.fixture
def public(tmp_path):
    path = tmp_path / "public.pem"
    key = keys.publisher().public_key()
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def checkpoint(path, signer=None):
    with path.open("w+b") as stream:
        envelope.write(stream, {}, '{"a":1}', signer)
    return path


def leyden(capsys, *arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code
    return capsys.readouterr()


def test_an_encrypted_checkpoint_is_verified_with_the_keys_that_the_variable_names(capsys, tmp_path, monkeypatch):
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "keys").touch(0o600)
    (tmp_path / "keys").write_text(str(key))
    save({"a": 1}, tmp_path / "a.ckpt", Encryption(str(key.to_public())))
    assert "is encrypted, and nothing was given" in leyden(capsys, "verify", tmp_path / "a.ckpt", code=2).err
    monkeypatch.setenv("LEYDEN_AGE_IDENTITIES", str(tmp_path / "keys"))
    assert "0 tensors and the tree are what was saved" in leyden(capsys, "verify", tmp_path / "a.ckpt").out
    assert "also holds  a" in leyden(capsys, "inspect", tmp_path / "a.ckpt").out


@pytest.mark.parametrize("within", [False, True], ids=["beside the model", "within it"])
def test_a_model_is_signed_and_confirmed(capsys, model, public, within):
    signature = model / "model.sig" if within else model.parent / "model.sig"
    told = leyden(capsys, "sign", model, *(["--signature", signature] if within else [])).out
    assert public.read_text() in told
    shown = leyden(capsys, "verify", model, "--signature", signature, "--key", public).out
    assert shown.startswith(f"{model}: 1 file is what was signed as 'model'.\nThe signer left out")


def test_a_changed_model_ends_with_2_and_names_the_file(capsys, model, public):
    leyden(capsys, "sign", model)
    (model / "weights").write_bytes(b"other")
    shown = leyden(capsys, "verify", model, "--signature", model.with_name("model.sig"), "--key", public, code=2)
    assert "DigestError" in shown.err
    assert str(model / "weights") in shown.err


def test_a_signature_without_a_key_confirms_nothing(capsys, model):
    assert "give both" in leyden(capsys, "verify", model, "--signature", model, code=2).err


def test_what_is_not_there_is_neither_signed_nor_confirmed(capsys, tmp_path):
    for command in ("sign", "verify"):
        assert "There is nothing at" in leyden(capsys, command, tmp_path / "nowhere", code=2).err


def test_a_checkpoint_is_confirmed_with_whoever_sealed_it(capsys, tmp_path):
    mine = checkpoint(tmp_path / "mine", keys.identity())
    told = leyden(capsys, "verify", mine).out
    assert "0 tensors and the tree are what was saved" in told
    assert f"Sealed by {keys.text_of(keys.identity().public)}: your own key." in told
    assert "Nobody has sealed it." in leyden(capsys, "verify", checkpoint(tmp_path / "anyone")).out


def test_strict_asks_for_a_seal(capsys, tmp_path):
    shown = leyden(capsys, "verify", checkpoint(tmp_path / "anyone"), "--policy", "strict", code=2)
    assert "rule 'unsealed'" in shown.err


@pytest.mark.parametrize("content", [b"", b"noise" * 20])
def test_what_is_no_checkpoint_is_refused(capsys, tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert "FormatError" in leyden(capsys, "verify", tmp_path / "file", code=2).err


def test_a_safetensors_file_of_another_program_has_nothing_to_check(capsys, tmp_path):
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    (tmp_path / "file").write_bytes(len(header).to_bytes(8, "little") + header + b"x")
    assert "was not written by Leyden" in leyden(capsys, "verify", tmp_path / "file", code=2).err
