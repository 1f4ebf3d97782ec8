"""Whether values come back from a checkpoint as they are, found out before any file is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from leyden.checkpoint.adapters import adapters
from leyden.checkpoint.enums import ENUMS
from leyden.checkpoint.objects import restoring, write_object
from leyden.checkpoint.tensors import FROM_NATIVE
from leyden.errors import EncodeError, FormatError
from leyden.wire.envelope import Leaf
from leyden.wire.tree import Encoded, decode, encode


def compare(tree: Mapping[str, Any]) -> None:
    """EncodeError unless ``tree`` can be saved, and what is read back is made of the same.

    Tensors are not copied where they lie in main memory.
    """
    written = _encode(tree)
    contents = {name: leaf.read() for name, leaf in written.leaves.items()}

    def fetch(name: str) -> Tensor | None:
        return _tensor(written.leaves[name], contents[name]) if name in contents else None

    blobs = {name: contents[name] for name, leaf in written.leaves.items() if leaf.dtype == "U8"}
    try:
        back, _ = decode(
            written.text, blobs, (*adapters(fetch), *restoring()), ENUMS, "What was written", identity=True
        )
    except FormatError as error:
        raise EncodeError(f"{error} So it would be lost.") from None
    again = _encode(back)
    if again.text != written.text or _shapes(again) != _shapes(written):
        raise EncodeError(
            f"{', '.join(map(str, tree))} does not come back as it was. Save what it is made of, as numbers, text, "
            "lists, dictionaries and tensors."
        )


def _encode(tree: Mapping[str, Any]) -> Encoded:
    return encode(tree, adapters(lambda _: None), ENUMS, write_object)


def _shapes(encoded: Encoded) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (leaf.dtype, leaf.shape) for name, leaf in encoded.leaves.items()}


def _tensor(leaf: Leaf, content: memoryview) -> Tensor:
    dtype = FROM_NATIVE[leaf.dtype]
    if not content:
        return torch.empty(leaf.shape, dtype=dtype)
    held = content if not content.readonly else bytearray(content)
    return torch.frombuffer(held, dtype=dtype).reshape(leaf.shape)
