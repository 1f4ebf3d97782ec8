from __future__ import annotations

import io
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pyrage
import pytest
import torch

from leyden.checkpoint.load import load, load_weights, verify
from leyden.checkpoint.save import save
from leyden.errors import EncryptionError
from leyden.security.encryption import Encryption
from leyden.security.redact import Secret

TREE = {"state_dict": {"w": torch.arange(4.0)}, "note": "nobody else's business"}


@pytest.fixture
def key():
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def encryption(key, tmp_path):
    (tmp_path / "keys").touch(0o600)
    (tmp_path / "keys").write_text(str(key))
    return Encryption(keys=tmp_path / "keys")


@pytest.fixture
def file(key, tmp_path):
    save(TREE, tmp_path / "a.ckpt", Encryption(str(key.to_public())))
    return tmp_path / "a.ckpt"


@pytest.mark.parametrize("stream", [io.BytesIO, io.BufferedRWPair])
def test_a_stream_gets_an_encrypted_checkpoint_and_no_disk_the_plain_one(key, encryption, stream, monkeypatch):
    monkeypatch.setattr("tempfile.TemporaryFile", None)
    memory = io.BytesIO()
    target = memory if stream is io.BytesIO else stream(io.BytesIO(), memory)
    save(TREE, target, Encryption(str(key.to_public())))
    target.flush()
    assert b"business" not in memory.getvalue()
    assert load(io.BytesIO(memory.getvalue()), encryption=encryption)["note"] == TREE["note"]


@pytest.mark.parametrize("mapped", [True, False])
def test_an_encrypted_checkpoint_comes_back_sealed_and_whole(file, encryption, mapped):
    assert b"business" not in file.read_bytes()
    tree = load(file, encryption=encryption, mapped=mapped, policy="strict")
    assert tree["note"] == TREE["note"]
    assert tree["state_dict"]["w"].tolist() == [0, 1, 2, 3]
    assert verify(file, encryption=encryption).tensors == 1
    assert load(io.BytesIO(file.read_bytes()), encryption=encryption)["note"] == TREE["note"]


def test_the_variable_names_the_files_of_keys(file, encryption, monkeypatch):
    monkeypatch.setenv("LEYDEN_AGE_IDENTITIES", str(encryption.keys[0]))
    assert load(file)["note"] == TREE["note"]


def test_without_a_key_it_is_not_read(file):
    for read in (load, load_weights, verify):
        with pytest.raises(EncryptionError, match="is encrypted, and nothing was given"):
            read(file)


def test_a_passphrase_opens_it(tmp_path):
    save({"a": 1}, tmp_path / "a.ckpt", Encryption(passphrase=Secret("x")))
    assert load(tmp_path / "a.ckpt", encryption=Encryption(passphrase=Secret("x"))) == {"a": 1}


def test_saving_takes_the_size_of_the_file_in_memory_and_leaves_nothing_plain(key, tmp_path):
    weights = {"w": torch.zeros(8 << 20, dtype=torch.uint8)}
    tracemalloc.start()
    try:
        save(weights, tmp_path / "a.ckpt", Encryption(str(key.to_public())))
        assert tracemalloc.get_traced_memory()[1] < 2.6 * (8 << 20)  # with the 8 MiB through which writing goes
    finally:
        tracemalloc.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured as Linux tells it")
def test_saving_and_loading_take_the_size_of_the_file_and_scrypts_256_mib_in_memory():
    """In a process of its own: what is written in other languages than Python is counted, too."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.checkpoint.encrypted_memory", "--mib", "128"]
    environment = {"PYTHONPATH": f"{root / 'src'}:{root}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = re.findall(r"(\w+): save (\d\.\d\d), load (\d\.\d\d)", done.stdout)
    assert [name for name, *_ in found] == ["keys", "passphrase"]
    scrypt = {"keys": 0, "passphrase": 2}  # before the file is in memory, so the larger of the two counts
    for name, saving, loading in found:
        assert 0.9 < float(saving) < max(1.35, scrypt[name] + 0.2)
        assert 0.9 < float(loading) < max(1.2, scrypt[name] + 0.2)
