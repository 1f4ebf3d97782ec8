"""A tree of Python values as JSON text beside a list of tensors, and back, with nothing guessed and nothing run.

What JSON has is written as itself. All else is a node: an object with one key, which begins with ``$``. A dictionary
of the user's with such a key, or with a key that is not text, becomes a ``$dict`` node: no value is taken for a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, final

from leyden.errors import EncodeError, FormatError
from leyden.wire import strict_json
from leyden.wire.decode import Decoder
from leyden.wire.encode import Encoder, Others, refuse
from leyden.wire.envelope import Leaf
from leyden.wire.nodes import JSON_LEVELS, LARGEST_TREE, MOST_VALUES
from leyden.wire.values import Adapter


@final
@dataclass(frozen=True)
class Encoded:
    """A tree as text, and the tensors that it names."""

    text: str
    leaves: Mapping[str, Leaf]


def encode(
    tree: Mapping[str, object],
    adapters: Iterable[Adapter],
    enums: Mapping[str, type[Enum]],
    others: Others = refuse,
) -> Encoded:
    """Write ``tree`` as text and tensors; EncodeError names the first value that cannot be written, by its path.

    ``others`` writes values that are neither plain nor of an adapter's types.
    """
    encoder = Encoder(adapters, enums, others)
    text = strict_json.dumps(encoder.tree(tree))
    if len(text) > LARGEST_TREE:
        raise EncodeError(
            f"The tree takes {len(text):,} characters; {LARGEST_TREE:,} is the limit. "
            "Put large plain data into tensors or numpy arrays."
        )
    return Encoded(text, encoder.leaves)


def decode(
    text: str,
    blobs: Mapping[str, memoryview],
    adapters: Iterable[Adapter],
    enums: Mapping[str, type[Enum]],
    where: str,
    *,
    identity: bool = False,
) -> tuple[dict[str, Any], set[str]]:
    """The tree that ``encode`` wrote and the names of the tensors that it uses; FormatError for any other text.

    ``blobs`` gives the bytes of a tensor by its name, ``where`` names the file in errors. ``identity`` allows what is
    no tree: values in several places, and in themselves.
    """
    if len(text) > LARGEST_TREE:
        raise FormatError(f"{where}: the tree takes {len(text):,} characters; {LARGEST_TREE:,} is the limit.")
    parsed = strict_json.loads(text, depth=JSON_LEVELS, values=4 * MOST_VALUES, what=f"{where}: the tree")
    decoder = Decoder(blobs, adapters, enums, where, identity=identity)
    tree = decoder.value(parsed)
    if type(tree) is not dict or not all(type(key) is str for key in tree):
        raise FormatError(f"{where}: the tree is not a dictionary with text for keys.")
    return tree, decoder.used
