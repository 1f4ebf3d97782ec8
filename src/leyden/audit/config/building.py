"""Puts nodes together from what a reader comes upon, within limits, and keeps what is odd about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, final

from leyden.audit.config.nodes import Alias, Mapping, Node, Real, Scalar, Sequence
from leyden.audit.finding import Budget, LimitError, shortened

DEEPEST: Final = 200  # levels; what people write has ten
MOST: Final = 200_000  # nodes; a longer file is data and no configuration
_EXPANDED: Final = 1_000_000  # nodes, with every alias replaced by what it stands for
_OFTEN: Final = 1_000  # nodes between two looks at the clock


@final
@dataclass(frozen=True)
class Trouble:
    """Something that is wrong with the text itself, wherever it is used."""

    kind: Literal["cycle", "bomb", "duplicate", "malformed"]
    message: str
    line: int
    column: int = 1


@final
@dataclass(frozen=True)
class Parsed:
    """The documents of one file, and what is wrong with it. After "malformed", what came before is still here."""

    documents: tuple[Node, ...]
    troubles: tuple[Trouble, ...]


@dataclass
class _Open:
    """A collection whose end has not come yet."""

    kind: Literal["mapping", "sequence"]
    line: int
    column: int
    tag: str
    anchor: str
    items: list[Node] = field(default_factory=list)
    size: int = 1  # nodes in it, with aliases expanded


@final
class Builder:
    """Takes nodes in the order in which they are written."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Real, int]] = {}
        self._documents: list[Node] = []
        self._troubles: list[Trouble] = []
        self._count = 0

    def begin(
        self, kind: Literal["mapping", "sequence"], line: int, column: int, tag: str = "", anchor: str = ""
    ) -> None:
        self._counted()
        if len(self._open) >= DEEPEST:
            raise LimitError(f"it is nested over {DEEPEST} levels deep")
        if anchor:
            self._anchors.pop(anchor, None)  # from here on the name means this node
        self._open.append(_Open(kind, line, column, tag, anchor))

    def end(self) -> None:
        done = self._open.pop()
        node: Real
        if done.kind == "mapping":
            # Where the text breaks off after a key, there is no value.
            pairs = tuple(zip(done.items[::2], done.items[1::2], strict=False))
            node = Mapping(pairs, done.line, done.column, done.tag)
            self._duplicates(node)
        else:
            node = Sequence(tuple(done.items), done.line, done.column, done.tag)
        self._add(node, done.size, done.anchor)

    def scalar(self, node: Scalar, anchor: str = "") -> None:
        self._counted()
        self._add(node, 1, anchor)

    def alias(self, name: str, line: int, column: int) -> None:
        self._counted()
        if any(one.anchor == name for one in self._open):
            self._trouble("cycle", f"`*{shortened(name, 60)}` stands inside of what it stands for.", line, column)
        node, size = self._anchors.get(name, (None, 1))
        self._add(Alias(name, node, line, column), size, "")

    def malformed(self, message: str, line: int, column: int = 1) -> None:
        """The rest cannot be read: close what is open."""
        self._trouble("malformed", message, line, column)
        self.finish()

    def finish(self) -> None:
        while self._open:
            self.end()

    def document(self) -> None:
        """The end of one document: anchors do not reach beyond it."""
        self._anchors.clear()

    def parsed(self) -> Parsed:
        return Parsed(tuple(self._documents), tuple(self._troubles))

    def _add(self, node: Node, size: int, anchor: str) -> None:
        if anchor and not isinstance(node, Alias):
            self._anchors[anchor] = (node, size)
        if not self._open:
            self._documents.append(node)
            if size > _EXPANDED:
                self._trouble("bomb", f"Its aliases stand for over {_EXPANDED:,} nodes.", node.line, node.column)
            return
        parent = self._open[-1]
        parent.items.append(node)
        parent.size = min(parent.size + size, 1 << 62)

    def _duplicates(self, node: Mapping) -> None:
        seen: set[str] = set()
        for key, _ in node.pairs:
            if not isinstance(key, Scalar) or key.text == "<<":
                continue
            if key.text in seen:
                text = f"`{shortened(key.text, 60)}` stands twice in one mapping: readers take one or the other."
                self._trouble("duplicate", text, key.line, key.column)
            seen.add(key.text)

    def _trouble(self, kind: Literal["cycle", "bomb", "duplicate", "malformed"], text: str, line: int, at: int) -> None:
        self._troubles.append(Trouble(kind, text, line, at))

    def _counted(self) -> None:
        self._count += 1
        if self._count > MOST:
            raise LimitError(f"it has over {MOST:,} nodes")
        if self._count % _OFTEN == 0:
            self._budget.take()
