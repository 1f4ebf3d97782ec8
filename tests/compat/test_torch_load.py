"""torch.load, as programs read checkpoints with it."""

from __future__ import annotations

import io

import pytest
import torch

from leyden.checkpoint.save import save
from leyden.compat.torch_load import guard, unguard
from leyden.errors import FormatError

TREE = {"epoch": 3, "state_dict": {"weight": torch.arange(3.0)}, "names": ("a", "b")}


@pytest.fixture(autouse=True)
def guarded():
    guard()
    yield
    unguard()


@pytest.fixture
def native(tmp_path):
    save(TREE, tmp_path / "native.ckpt")
    return tmp_path / "native.ckpt"


@pytest.mark.parametrize("more", [{}, {"weights_only": True}, {"weights_only": False}, {"map_location": "cpu"}])
def test_a_file_of_leydens_answers_with_its_dictionary(native, more):
    for source in (native, str(native), io.BytesIO(native.read_bytes())):
        tree = torch.load(source, **more)
        assert (tree["epoch"], tree["names"]) == (3, ("a", "b"))
        assert torch.equal(tree["state_dict"]["weight"], TREE["state_dict"]["weight"])


def test_the_file_may_be_overwritten_in_place_afterwards(native):
    tree = torch.load(native)
    with native.open("r+b") as file:
        file.truncate(0)
    assert torch.equal(tree["state_dict"]["weight"], TREE["state_dict"]["weight"])


def test_the_tensors_come_to_the_device_that_was_asked_for(native):
    assert torch.load(native, map_location="meta")["state_dict"]["weight"].device.type == "meta"


def test_any_other_file_is_read_as_ever(tmp_path):
    torch.save(TREE, tmp_path / "other.pt")
    assert torch.load(tmp_path / "other.pt")["epoch"] == 3
    stream = io.BytesIO((tmp_path / "other.pt").read_bytes())
    assert torch.load(stream, "cpu", weights_only=True)["names"] == ("a", "b")
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "missing.pt")


def test_a_damaged_file_of_leydens_is_not_given_to_torch(native):
    content = bytearray(native.read_bytes())
    native.write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError):
        torch.load(native, weights_only=False)


def test_it_is_put_in_place_once_and_taken_away():
    served = torch.load
    guard()
    assert torch.load is served
    unguard()
    assert torch.load is not served
    unguard()


def test_what_somebody_has_put_in_its_place_stays(monkeypatch):
    monkeypatch.setattr(torch, "load", len)
    unguard()
    assert torch.load is len
