from __future__ import annotations

import pytest
import torch

from leyden.checkpoint.adapters import adapters
from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.core.attribute_dict import AttributeDict
from leyden.errors import FormatError
from leyden.wire.tree import decode


def test_an_attribute_dict_comes_back_as_one(tmp_path):
    inner = AttributeDict(depth=(1, 2), weight=torch.ones(3))
    save({"params": AttributeDict(inner=inner, plain={"a": 1}), "empty": AttributeDict()}, tmp_path / "a.ckpt")
    back = load(tmp_path / "a.ckpt")
    params = back["params"]
    assert (type(params), type(params.inner), type(params.plain)) == (AttributeDict, AttributeDict, dict)
    assert (params.inner.depth, back["empty"]) == ((1, 2), {})
    assert torch.equal(params.inner.weight, inner.weight)


@pytest.mark.parametrize("body", ["[1]", '{"$tuple": []}', "null"])
def test_an_attribute_dict_of_anything_else_is_refused(body):
    text = f'{{"params": {{"$AttributeDict": {body}}}}}'
    with pytest.raises(FormatError, match="params is not an AttributeDict"):
        decode(text, {}, adapters(lambda _: None), {}, "here")
