"""What --fix can do to a file, as plain data: decided before anything is touched, shown, and then done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, final

from leyden.audit.finding import Finding

ORIGINAL: Final = ".orig"


@final
@dataclass(frozen=True)
class Tighten:
    """Take the right to write from all but the owner."""

    path: str
    before: int
    after: int


@final
@dataclass(frozen=True)
class Convert:
    """Put a file of Leyden's format in the place of a pickled checkpoint, which stays beside it."""

    path: str
    tensors: int


@final
@dataclass(frozen=True)
class Rewrite:
    """Change some of the text of a file, and nothing else of it.

    Bytes, since the encoding, the line ends and a mark at the start stay as they are. No original is kept: the diff
    says all that changes, and a copy beside a program is one more file to be read, shipped and audited.
    """

    path: str
    before: bytes  # all of the file, as it was looked at
    after: bytes
    changes: tuple[str, ...]  # phrases such as "`a` becomes `b`"
    mends: tuple[Finding, ...]  # what is gone once it is done


@final
@dataclass(frozen=True)
class Leave:
    """What looks like a case for one of these and is none, with the reason."""

    path: str
    reason: str


Step: TypeAlias = Tighten | Convert | Rewrite | Leave
