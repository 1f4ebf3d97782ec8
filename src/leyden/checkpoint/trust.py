"""Whether a file is the user's own: only then does it give back objects."""

from __future__ import annotations

import threading
from typing import Final

from leyden.checkpoint.sealing import signer
from leyden.security import keys
from leyden.security.keys import Standing
from leyden.wire.seal import Seal

# Digests of the headers of files that this process wrote. A header's digest covers all of its file.
_WRITTEN: Final[set[str]] = set()
_LOCK: Final = threading.Lock()


def note_written(digest: str) -> None:
    """Remember a file that this process has written, by the digest of its header."""
    with _LOCK:
        _WRITTEN.add(digest)


def is_own(seal: Seal) -> bool:
    """Whether the file under this seal was written by this process, or sealed by a key that the user trusts."""
    if seal.signer is not None:
        # A key that was revoked since takes back what it sealed, in this process too.
        match keys.standing(seal.signer):
            case Standing.OWN | Standing.TRUSTED:
                return True
            case Standing.REVOKED:
                return False
            case Standing.UNKNOWN:
                pass
    with _LOCK:
        return seal.digest in _WRITTEN


def is_proven(seal: Seal) -> bool:
    """Whether the seal shows that the file is the user's own, or the user has no key that could show it."""
    return is_own(seal) or (seal.signer is None and signer() is None)
