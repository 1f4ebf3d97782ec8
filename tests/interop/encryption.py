"""Files of ours under age, the program in Go, and its own under Leyden. Run by ``make interop``.

The program is found as ``age`` on the path, or where the variable AGE says; ``age-keygen`` lies beside it.
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
import torch

import leyden as L
from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.errors import EncryptionError

AGE = shutil.which(os.environ.get("AGE", "age"))
TREE = {"state_dict": {"w": torch.arange(100_000.0)}, "epoch": 3}


@pytest.fixture(scope="session", autouse=True)
def _age_is_there():
    assert AGE, "The program age is missing: apt-get install age, brew install age, or AGE=/path/to/age make interop"


def age(*arguments):
    return subprocess.run([AGE, *map(str, arguments)], capture_output=True, text=True, check=False)


def age_with_passphrase(passphrase, *arguments):
    """The exit status of age, which asks for passphrases on a terminal alone."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # torch has threads, and the child is another program at once
        child, terminal = pty.fork()
    if child == 0:
        os.execv(AGE, ["age", *map(str, arguments)])
    said = b""
    while True:
        try:
            said += os.read(terminal, 1000)
        except OSError:  # the terminal is closed when the program ends
            break
        if said.rstrip().endswith(b":") or b"secure one):" in said:
            os.write(terminal, passphrase.encode() + b"\n")
            said = b""
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def keys(tmp_path):
    """Public keys by name; the private ones lie in files of these names."""
    public = {}
    for name in ("alice", "bob", "mallory"):
        made = subprocess.run(
            [Path(AGE).with_name("age-keygen"), "-o", tmp_path / name], capture_output=True, text=True, check=True
        )
        public[name] = made.stderr.split()[-1]
    for name, kind in {"ed25519": [], "rsa": ["-b", "2048"]}.items():
        command = ["ssh-keygen", "-q", "-t", name, *kind, "-N", "", "-C", "", "-f", tmp_path / name]
        subprocess.run(command, check=True)
        public[name] = (tmp_path / f"{name}.pub").read_text().strip()
    return public


def is_ours(tree):
    return tree["epoch"] == 3 and torch.equal(tree["state_dict"]["w"], TREE["state_dict"]["w"])


RECIPIENTS = pytest.mark.parametrize(
    ("to", "openers"),
    [(["alice"], ["alice"]), (["alice", "bob"], ["alice", "bob"]), (["ed25519"], ["ed25519"]), (["rsa"], ["rsa"]),
     (["alice", "ed25519", "rsa"], ["alice", "ed25519", "rsa"])],
    ids=str,
)  # fmt: skip


@RECIPIENTS
def test_what_we_encrypt_for_keys_is_opened_by_age(tmp_path, keys, to, openers):
    save(TREE, tmp_path / "a.ckpt", L.Encryption([keys[name] for name in to]))
    for name in openers:
        assert age("-d", "-i", tmp_path / name, "-o", tmp_path / "plain", tmp_path / "a.ckpt").returncode == 0
        assert is_ours(load(tmp_path / "plain", policy="strict"))
        (tmp_path / "plain").unlink()
    assert age("-d", "-i", tmp_path / "mallory", tmp_path / "a.ckpt").returncode != 0


@RECIPIENTS
@pytest.mark.parametrize("armor", [[], ["-a"]], ids=["binary", "text"])
def test_what_age_encrypts_for_keys_is_opened_by_us(tmp_path, keys, to, openers, armor):
    save(TREE, tmp_path / "plain")
    recipients = [part for name in to for part in ("-r", keys[name])]
    assert age(*armor, *recipients, "-o", tmp_path / "a.ckpt", tmp_path / "plain").returncode == 0
    for name in openers:
        assert is_ours(load(tmp_path / "a.ckpt", encryption=L.Encryption(keys=tmp_path / name)))
    with pytest.raises(EncryptionError, match="cannot be opened"):
        load(tmp_path / "a.ckpt", encryption=L.Encryption(keys=tmp_path / "mallory"))


@pytest.mark.parametrize("passphrase", ["correct horse battery staple", "pässwörd ✓"])
def test_a_passphrase_opens_ours_with_age_and_the_reverse(tmp_path, passphrase):
    secret = L.Encryption(passphrase=L.Secret(passphrase))
    save(TREE, tmp_path / "a.ckpt", secret)
    assert age_with_passphrase(passphrase, "-d", "-o", tmp_path / "plain", tmp_path / "a.ckpt") == 0
    assert is_ours(load(tmp_path / "plain", policy="strict"))
    assert age_with_passphrase("wrong", "-d", "-o", tmp_path / "none", tmp_path / "a.ckpt") != 0
    for armor in ([], ["-a"]):
        again = tmp_path / f"{len(armor)}.ckpt"
        assert age_with_passphrase(passphrase, "-p", *armor, "-o", again, tmp_path / "plain") == 0
        assert is_ours(load(again, encryption=secret))
    with pytest.raises(EncryptionError, match="another passphrase"):
        load(again, encryption=L.Encryption(passphrase=L.Secret("wrong")))


def test_a_file_that_was_changed_or_cut_is_refused_by_both(tmp_path, keys):
    save(TREE, tmp_path / "a.ckpt", L.Encryption(keys["alice"]))
    whole = (tmp_path / "a.ckpt").read_bytes()
    body = len(whole) - len(whole) % 65_552 - 65_552
    for changed in (
        whole[:-1], whole + b"\0", whole[:body], whole[:-17] + bytes(17), whole[:40] + b"A" + whole[41:],
        whole[65_552:],
    ):  # fmt: skip
        (tmp_path / "b.ckpt").write_bytes(changed)
        assert age("-d", "-i", tmp_path / "alice", "-o", tmp_path / "plain", tmp_path / "b.ckpt").returncode != 0
        with pytest.raises(L.errors.LeydenError):
            load(tmp_path / "b.ckpt", encryption=L.Encryption(keys=tmp_path / "alice"))
