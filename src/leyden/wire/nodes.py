"""What writer and reader of the tree agree on: limits, containers and names."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Hashable, Mapping
from types import SimpleNamespace
from typing import Final

LARGEST_TREE: Final = 64 << 20  # characters of JSON
MOST_VALUES: Final = 1 << 21
DEEPEST: Final = 64  # containers inside containers
JSON_LEVELS: Final = 5 * DEEPEST + 8  # of one container, at most five are JSON's
LARGEST_INLINE: Final = 1024  # bytes; more become a U8 tensor
LARGEST_NUMBER: Final = 2**53  # integers beyond are not exact in every JSON reader
LONGEST_NAME: Final = 300
FACTORIES: Final[Mapping[str, Callable[[], object]]] = {
    "list": list,
    "dict": dict,
    "set": set,
    "tuple": tuple,
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "bytes": bytes,
}
NAMESPACES: Final[Mapping[str, Callable[[], object]]] = {"Namespace": Namespace, "SimpleNamespace": SimpleNamespace}
CONTAINERS: Final[frozenset[type]] = frozenset(
    {dict, list, tuple, set, frozenset, OrderedDict, Counter, deque, Namespace, SimpleNamespace, defaultdict}
)


def qualified_name(kind: type) -> str:
    """How a class is named in a file and in messages."""
    return f"{kind.__module__}.{kind.__qualname__}"


def label(key: Hashable, index: int) -> str:
    """How a key reads in the path of its value."""
    if type(key) is int and abs(key) > LARGEST_NUMBER:  # Python does not write out the largest
        return f"item{index}"
    return str(key) if type(key) in (str, int, float, bool) or key is None else f"item{index}"


def is_unicode(text: str) -> bool:
    """Whether text has no half of a surrogate pair, as undecodable file names do."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
