"""What a check is shown of a document: a name with what stands under it, and where that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, final

from leyden.audit.config.hits import Hit
from leyden.audit.config.kinds import Kind
from leyden.audit.config.nodes import Mapping, Path, Real, Scalar
from leyden.audit.finding import Rule, Severity


@final
@dataclass(frozen=True)
class Pair:
    """A name in a mapping and its value, aliases looked through."""

    key: Scalar
    value: Real
    owner: Mapping
    path: Path  # of the owner
    kind: Kind  # of the document
    root: Real

    def hit(self, rule: Rule, message: str, at: Real | None = None, severity: Severity | None = None) -> Hit:
        """A finding at the value, or at ``at``."""
        at = at or self.value
        return Hit(rule, message, at.line, at.column, severity=severity)

    @property
    def text(self) -> str:
        return self.value.text if isinstance(self.value, Scalar) else ""

    @property
    def is_true(self) -> bool:
        return isinstance(self.value, Scalar) and self.value.is_true


Check: TypeAlias = Callable[[Pair], "Iterator[Hit]"]
