"""Containers of Leyden's own for the tree codec."""

from __future__ import annotations

from typing import Final

from leyden.core.attribute_dict import AttributeDict
from leyden.wire.decode import Decoder
from leyden.wire.strict_json import Json
from leyden.wire.values import Adapter


def _attribute_dict(body: Json, source: Decoder) -> AttributeDict:
    items = source.value(body)
    if type(items) is not dict:
        source.fail("is not an AttributeDict")
    return AttributeDict(items)


ATTRIBUTE_DICT: Final = Adapter(
    "AttributeDict", (AttributeDict,), lambda value, out: out.value(dict(value)), _attribute_dict, mutable=True
)
