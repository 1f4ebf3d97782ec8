from __future__ import annotations

import warnings

import pytest
import torch

from leyden.checkpoint.load import load, load_weights, verify
from leyden.checkpoint.save import save, save_weights
from leyden.core.warnings import LeydenWarning
from leyden.errors import SealError
from leyden.security import keys
from leyden.security.policy import Policy
from leyden.wire import envelope


def seal_of(path):
    return envelope.read(memoryview(path.read_bytes()), "file").seal


def test_what_is_saved_is_sealed_with_the_users_key(tmp_path):
    digest = save({"a": 1}, tmp_path / "a.ckpt")
    assert seal_of(tmp_path / "a.ckpt") == envelope.Seal(digest, keys.identity().public)
    save_weights({"w": torch.ones(2)}, tmp_path / "w.ckpt")
    assert load_weights(tmp_path / "w.ckpt", policy="strict")["w"].tolist() == [1, 1]
    assert load(tmp_path / "a.ckpt", policy="strict") == {"a": 1}


def test_where_no_key_can_be_kept_files_are_unsealed_with_one_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "file" / "home"))
    with pytest.warns(LeydenWarning, match="saved without a seal.*No key can be kept in"):
        save({"a": 1}, tmp_path / "a.ckpt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save({"a": 2}, tmp_path / "a.ckpt")
    assert seal_of(tmp_path / "a.ckpt").signer is None
    assert load(tmp_path / "a.ckpt") == {"a": 2}
    with pytest.raises(SealError, match="rule 'unsealed'"):
        load(tmp_path / "a.ckpt", policy=Policy.STRICT)


def test_a_file_of_a_revoked_key_is_not_read_and_can_still_be_verified(tmp_path, monkeypatch):
    save({"a": 1}, tmp_path / "a.ckpt")
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))
    keys.revoke(seal_of(tmp_path / "a.ckpt").signer)
    with pytest.raises(SealError, match="rule 'revoked'"):
        load(tmp_path / "a.ckpt")
    assert verify(tmp_path / "a.ckpt").digest == seal_of(tmp_path / "a.ckpt").digest


def test_a_file_that_was_changed_and_digested_anew_has_lost_its_seal(tmp_path):
    save({"a": 1}, tmp_path / "a.ckpt")
    signed = bytearray((tmp_path / "a.ckpt").read_bytes())
    start = 8 + len(envelope.PREFIX)
    other = save({"a": 2}, tmp_path / "b.ckpt")
    forged = bytearray((tmp_path / "b.ckpt").read_bytes())
    assert forged[start : start + 64] == other.encode()
    forged[start + 64 : start + 256] = signed[start + 64 : start + 256]
    (tmp_path / "c.ckpt").write_bytes(forged)
    with pytest.raises(SealError, match="was not made by the key"):
        load(tmp_path / "c.ckpt", policy="open")
