"""Who seals what this process saves."""

from __future__ import annotations

import functools
import os

from leyden.core.warnings import warn
from leyden.errors import KeyStoreError
from leyden.security.keys import Identity, identity

_PLACES = ("LEYDEN_KEY", "LEYDEN_HOME", "XDG_CONFIG_HOME", "HOME")


def signer() -> Identity | None:
    """The user's key; None, with one warning, where there is none that can be used: training does not fail for it."""
    return _signer(tuple(os.environ.get(name, "") for name in _PLACES))


@functools.cache
def _signer(places: tuple[str, ...]) -> Identity | None:
    try:
        return identity(dict(zip(_PLACES, places, strict=True)))
    except KeyStoreError as error:
        warn(f"Checkpoints are saved without a seal, so nobody can tell later who wrote them: {error}")
        return None
