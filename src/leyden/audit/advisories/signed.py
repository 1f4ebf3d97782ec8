"""Who vouches for a list of advisories. What comes from elsewhere counts only with a maintainer's signature."""

from __future__ import annotations

from typing import Final

from leyden.audit.advisories import reading
from leyden.audit.advisories.advisory import Catalogue
from leyden.wire import detached

PURPOSE: Final = b"leyden.advisories.1\0"
SUFFIX: Final = ".sig"  # of the file with the signature, after the whole name of the list
# The maintainers' public keys. The private ones are in no repository.
MAINTAINERS: Final[tuple[bytes, ...]] = (
    bytes.fromhex("d6d937d54ae6fbd0284f458ae432cbda643647636783586c483ccbfce8249a8b"),
)


def verified(content: bytes, line: bytes, what: str) -> tuple[Catalogue, bytes]:
    """The list and the key that vouches for it. The signature is checked before anything is parsed.

    Raises:
        SealError: no maintainer has signed this.
        FormatError: a maintainer has signed what is no list.
    """
    public = detached.check(content, line, PURPOSE, MAINTAINERS, what)
    return reading.parse(content, what), public
