"""Signatures of ours under model_signing, the reference program, and its own under Leyden. Run by ``make interop``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from leyden.cli.main import main

REFERENCE = Path(sys.prefix, "interop", "bin", "model_signing")
CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]


@pytest.fixture(scope="session", autouse=True)
def _reference_is_there():
    assert REFERENCE.exists(), f"{REFERENCE} is not there: run make interop, which installs it"


def key_pair(folder, name, curve=CURVES[0]):
    """A private and a public key as PEM files."""
    private = ec.generate_private_key(curve)
    paths = folder / f"{name}.key", folder / f"{name}.pub"
    paths[0].touch(0o600)
    paths[0].write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths[1].write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return paths


@pytest.fixture
def model(tmp_path):
    root = tmp_path / "a model"
    for name, content in {
        "weights.safetensors": bytes(range(256)) * 5000,
        "config.json": b"{}",
        "empty": b"",
        "tokenizer/vocabulary.txt": b"a b c",
        "tokenizer/more/deep/é ü.bin": b"deep",
        "tokenizer/.hidden": b"hidden",
        "sub.ext/a": b"1",  # before and after "sub" in one order and the other
        "sub/a": b"2",
        "sub-b": b"3",
        ".git/HEAD": b"ref",
        ".gitignore": b"*",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def ours(action, *arguments):
    """The exit status of leyden sign or leyden verify."""
    try:
        return main([action, *map(str, arguments)])
    except SystemExit as end:
        return end.code


def theirs(*arguments):
    """The exit status of the reference program."""
    command = [str(REFERENCE), "--log-level", "error", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False).returncode


def sign(who, path, private, signature, ignore=()):
    """Make a signature as one of the two programs does."""
    if who == "leyden":
        more = [part for name in ignore for part in ("--ignore", name)]
        status = ours("sign", path, "--key", private, "--signature", signature, *more)
    else:
        more = [part for name in ignore for part in ("--ignore-paths", path / name)]
        status = theirs("sign", "key", path, "--private_key", private, "--signature", signature, *more)
    assert status == 0


def accepts(who, path, public, signature, ignore=()):
    """Whether one of the two programs confirms a signature."""
    if who == "leyden":
        more = [part for name in ignore for part in ("--ignore", name)]
        return ours("verify", path, "--key", public, "--signature", signature, *more) == 0
    more = [part for name in ignore for part in ("--ignore-paths", path / name)]
    return theirs("verify", "key", path, "--public_key", public, "--signature", signature, *more) == 0


BOTH_WAYS = pytest.mark.parametrize(("signer", "verifier"), [("leyden", "reference"), ("reference", "leyden")])


@BOTH_WAYS
@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_a_directory_is_confirmed_and_every_change_to_it_refused(tmp_path, model, signer, verifier, curve):
    private, public = key_pair(tmp_path, "alice", curve)
    _, another = key_pair(tmp_path, "mallory", curve)
    signature = tmp_path / "model.sig"
    sign(signer, model, private, signature)
    assert accepts(verifier, model, public, signature)
    assert not accepts(verifier, model, another, signature)
    for name in ("weights.safetensors", "empty", "tokenizer/more/deep/é ü.bin"):
        changed = model / name
        content = changed.read_bytes()
        changed.write_bytes(content[:-1] + b"!")
        assert not accepts(verifier, model, public, signature), f"{name} was changed"
        changed.unlink()
        assert not accepts(verifier, model, public, signature), f"{name} is missing"
        changed.write_bytes(content)
    added = model / "tokenizer" / "added"
    added.write_bytes(b"")
    assert not accepts(verifier, model, public, signature), "a file was added"
    added.unlink()
    (model / "sub" / "a").rename(model / "sub" / "b")
    assert not accepts(verifier, model, public, signature), "a file was renamed"
    (model / "sub" / "b").rename(model / "sub" / "a")
    assert accepts(verifier, model, public, signature)


@BOTH_WAYS
def test_a_file_is_confirmed_and_a_change_to_it_refused(tmp_path, model, signer, verifier):
    private, public = key_pair(tmp_path, "alice")
    file, signature = model / "weights.safetensors", tmp_path / "file.sig"
    sign(signer, file, private, signature)
    assert accepts(verifier, file, public, signature)
    assert not accepts(verifier, model / "config.json", public, signature)
    file.write_bytes(file.read_bytes() + b"!")
    assert not accepts(verifier, file, public, signature)


@BOTH_WAYS
def test_what_git_keeps_and_what_is_left_out_may_change(tmp_path, model, signer, verifier):
    private, public = key_pair(tmp_path, "alice")
    signature = tmp_path / "model.sig"
    sign(signer, model, private, signature, ["tokenizer", "config.json"])
    (model / ".git" / "HEAD").write_text("another")
    (model / "tokenizer" / "added").write_text("another")
    (model / "config.json").unlink()
    assert accepts(verifier, model, public, signature)
    (model / "sub-b").write_text("another")
    assert not accepts(verifier, model, public, signature)


@BOTH_WAYS
def test_a_signature_may_lie_in_the_directory_that_it_signs(tmp_path, model, signer, verifier):
    private, public = key_pair(tmp_path, "alice")
    signature = model / "model.sig"
    sign(signer, model, private, signature)
    assert accepts(verifier, model, public, signature)


@BOTH_WAYS
def test_what_a_checker_leaves_out_may_be_there_without_a_signature(tmp_path, model, signer, verifier):
    private, public = key_pair(tmp_path, "alice")
    signature = tmp_path / "model.sig"
    sign(signer, model, private, signature)
    (model / "notes").mkdir()
    (model / "notes" / "mine.txt").write_text("mine")
    assert not accepts(verifier, model, public, signature)
    assert accepts(verifier, model, public, signature, ["notes"])


@BOTH_WAYS
def test_a_link_in_the_place_of_a_file_is_not_confirmed(tmp_path, model, signer, verifier):
    private, public = key_pair(tmp_path, "alice")
    signature = tmp_path / "model.sig"
    sign(signer, model, private, signature)
    content = tmp_path / "outside"
    content.write_bytes((model / "config.json").read_bytes())
    (model / "config.json").unlink()
    (model / "config.json").symlink_to(content)
    assert not accepts(verifier, model, public, signature)


@pytest.mark.parametrize("verifier", ["leyden", "reference"])
def test_a_signature_of_ours_that_was_changed_anywhere_is_refused(tmp_path, model, verifier):
    private, public = key_pair(tmp_path, "alice")
    signature = tmp_path / "model.sig"
    sign("leyden", model, private, signature)
    bundle = signature.read_text()
    at = bundle.index('"payload":"') + 200
    signature.write_text(bundle[:at] + ("A" if bundle[at] != "A" else "B") + bundle[at + 1 :])
    assert not accepts(verifier, model, public, signature)


def test_shards_of_the_reference_program_are_confirmed(tmp_path, model):
    """Its command line signs by files; shards and BLAKE2 are made by its library, in its own environment."""
    private, public = key_pair(tmp_path, "alice")
    signature = tmp_path / "model.sig"
    code = (
        "import sys, model_signing as ms\n"
        "model, key, out, ignored = sys.argv[1:]\n"
        "hashing = ms.hashing.Config().set_ignored_paths(paths=[ignored], ignore_git_paths=True)\n"
        "hashing.use_shard_serialization(hashing_algorithm='blake2', shard_size=1000)\n"
        "ms.signing.Config().use_elliptic_key_signer(private_key=key).set_hashing_config(hashing).sign(model, out)\n"
    )
    command = [REFERENCE.parent / "python", "-c", code, model, private, signature, model / "sub-b"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    assert accepts("leyden", model, public, signature)
    whole = (model / "weights.safetensors").read_bytes()
    for changed in (whole[:-1] + b"!", whole + b"!", whole[:-1]):
        (model / "weights.safetensors").write_bytes(changed)
        assert not accepts("leyden", model, public, signature)
