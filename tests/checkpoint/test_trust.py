from __future__ import annotations

import io
import json

import pytest

from leyden.checkpoint import trust
from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.errors import SealError, TrustError
from leyden.security import keys
from leyden.wire import envelope


class Box:
    def __init__(self, held):
        self.held = held


@pytest.fixture(autouse=True)
def another_process(monkeypatch):
    """Nothing that was written before this test was written by this process."""
    monkeypatch.setattr(trust, "_WRITTEN", set())


def sealed_by(signer):
    stream = io.BytesIO()
    node = {"$object": [f"{__name__}:Box", None, {"held": 1}]}
    envelope.write(stream, {}, json.dumps({"v": node}), signer)
    return stream.getvalue()


def test_what_ones_own_key_has_sealed_is_ones_own_in_every_process(tmp_path, monkeypatch):
    save({"v": Box(1)}, tmp_path / "a.ckpt")
    monkeypatch.setattr(trust, "_WRITTEN", set())
    assert load(tmp_path / "a.ckpt")["v"].held == 1


def test_what_nobody_has_sealed_is_ones_own_in_the_process_that_wrote_it(tmp_path, monkeypatch):
    monkeypatch.setattr("leyden.checkpoint.save.signer", lambda: None)
    save({"v": Box(1)}, tmp_path / "a.ckpt")
    assert load(tmp_path / "a.ckpt")["v"].held == 1
    monkeypatch.setattr(trust, "_WRITTEN", set())
    with pytest.raises(TrustError, match="v is an object"):
        load(tmp_path / "a.ckpt")


def test_what_another_has_sealed_is_trusted_as_the_user_says(tmp_path):
    other = keys.identity({"LEYDEN_HOME": str(tmp_path / "other")})
    data = sealed_by(other)
    with pytest.raises(TrustError):
        load(io.BytesIO(data))
    keys.trust(other.public, "a colleague")
    assert load(io.BytesIO(data))["v"].held == 1
    keys.revoke(other.public)
    with pytest.raises(SealError):
        load(io.BytesIO(data))
    with pytest.raises(TrustError):
        load(io.BytesIO(data), policy="open")
