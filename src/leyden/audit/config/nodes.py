"""YAML, JSON and TOML as one tree of nodes that know where they stand. Nothing is built from them.

An alias is a leaf that names its target, so walking a tree costs what was written and never what it expands to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, final

_MERGES: Final = 100  # mappings that one look-up goes through by `<<`
_TRUE: Final = frozenset(("true", "yes", "on"))
_FALSE: Final = frozenset(("false", "no", "off"))


@final
@dataclass(frozen=True, eq=False)
class Scalar:
    """Text, a number, a truth value or nothing, as it is written."""

    text: str
    line: int  # from 1
    column: int  # from 1
    tag: str = ""  # only one that is written: "!Ref", "tag:yaml.org,2002:python/name:os.system"
    plain: bool = False  # without quotes, so that `true` is a truth value
    last_line: int = 0  # 0: the same
    block: bool = False  # its text begins on the next line and keeps its lines

    @property
    def is_true(self) -> bool:
        return self.plain and self.text.lower() in _TRUE

    @property
    def is_false(self) -> bool:
        return self.plain and self.text.lower() in _FALSE


@final
@dataclass(frozen=True, eq=False)
class Sequence:
    items: tuple[Node, ...]
    line: int
    column: int
    tag: str = ""


@final
@dataclass(frozen=True, eq=False)
class Mapping:
    """Pairs in the order in which they are written; ``get`` looks through aliases and merges."""

    pairs: tuple[tuple[Node, Node], ...]
    line: int
    column: int
    tag: str = ""

    def get(self, name: str) -> Node | None:
        """What stands under a name: the last one where it stands there twice, as readers take it."""
        return self._find(name, set())

    def text(self, name: str) -> str:
        """The text under a name, or an empty one."""
        node = self.get(name)
        return node.text if isinstance(node, Scalar) else ""

    def named(self) -> Iterator[tuple[Scalar, Real]]:
        """The mapping's own pairs whose key is text, with aliases looked through."""
        for key, value in self.pairs:
            name, found = target(key), target(value)
            if isinstance(name, Scalar) and found is not None:
                yield name, found

    def keys(self) -> frozenset[str]:
        return frozenset(key.text for key, _ in self.pairs if isinstance(key, Scalar))

    def _find(self, name: str, seen: set[int]) -> Node | None:
        if id(self) in seen or len(seen) >= _MERGES:
            return None
        seen.add(id(self))
        merged: list[Node] = []
        for key, value in reversed(self.pairs):
            if not isinstance(key, Scalar):
                continue
            if key.text == name:
                return target(value)
            if key.text == "<<":
                merged.append(value)
        for value in merged:
            found = target(value)
            for one in found.items if isinstance(found, Sequence) else (found,):
                mapping = target(one)
                if isinstance(mapping, Mapping) and (inner := mapping._find(name, seen)) is not None:
                    return inner
        return None


@final
@dataclass(frozen=True, eq=False)
class Alias:
    """A node of another place once more; ``node`` is None where that is not known, or holds this alias itself."""

    name: str
    node: Scalar | Sequence | Mapping | None
    line: int
    column: int


Node: TypeAlias = "Scalar | Sequence | Mapping | Alias"
Real: TypeAlias = "Scalar | Sequence | Mapping"
Path: TypeAlias = tuple["str | int", ...]


def target(node: Node | None) -> Real | None:
    """The node itself, or the one that an alias stands for."""
    return node.node if isinstance(node, Alias) else node


def walk(root: Node) -> Iterator[tuple[Path, Real]]:
    """Every node that is written, with the keys and positions that lead to it. Keys that are no text are left out."""
    pending: list[tuple[Path, Node]] = [((), root)]
    while pending:
        path, node = pending.pop()
        if isinstance(node, Alias):
            continue
        yield path, node
        if isinstance(node, Mapping):
            inner: list[tuple[Path, Node]] = [
                ((*path, key.text if isinstance(key, Scalar) else ""), value) for key, value in node.pairs
            ]
            pending.extend(reversed(inner))
        elif isinstance(node, Sequence):
            pending.extend(((*path, at), node.items[at]) for at in range(len(node.items) - 1, -1, -1))


def texts(node: Node | None) -> Iterator[Scalar]:
    """The text that a node is, or those in a list: many settings may be either."""
    found = target(node)
    if isinstance(found, Scalar):
        yield found
    elif isinstance(found, Sequence):
        for item in found.items:
            inner = target(item)
            if isinstance(inner, Scalar):
                yield inner
