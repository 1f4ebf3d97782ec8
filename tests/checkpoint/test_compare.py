from __future__ import annotations

import pytest
import torch
from torch import nn

from leyden.checkpoint import compare as module
from leyden.checkpoint import objects
from leyden.checkpoint.compare import compare
from leyden.errors import EncodeError


class Thing:
    def __init__(self, value):
        self.value = value


class Row(dict):
    pass


def test_what_comes_back_is_passed():
    net = nn.LSTM(1, 2)
    table = Row(a=1)
    table.owner = Thing({"x": bytes(3000), "e": torch.ones(0, 3), "c": torch.ones(2, dtype=torch.complex128)})
    many = [Thing([table, table]), Thing]
    assert compare({"net": net, "weight": net.weight_ih_l0, "many": many, "plain": {1: (2.0, None)}}) is None


def test_what_cannot_be_written_is_named():
    with pytest.raises(EncodeError, match="^a.value is .*<lambda>"):
        compare({"a": Thing(lambda: 1)})


def test_what_cannot_be_read_is_named(monkeypatch):
    def without_the_class(value, out):
        return {"$object": [f"{__name__}:Missing", None, {}]}

    monkeypatch.setattr(module, "write_object", without_the_class)
    with pytest.raises(EncodeError, match="Missing.*So it would be lost"):
        compare({"a": Thing(1)})


def test_what_comes_back_as_something_else_is_named(monkeypatch):
    monkeypatch.setattr(objects, "set_attributes", lambda value, layout, attributes: None)
    compare({"a": Thing})
    with pytest.raises(EncodeError, match="^a does not come back as it was"):
        compare({"a": Thing(1)})
