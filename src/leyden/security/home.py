"""Where the user's keys lie, apart from the keys themselves, which take time to import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from leyden.errors import KeyStoreError


def home(environment: Mapping[str, str] = os.environ) -> Path:
    """The directory of the keys: ``$LEYDEN_HOME``, or ``leyden`` where the user's settings are."""
    if chosen := environment.get("LEYDEN_HOME"):
        return Path(chosen)
    if settings := environment.get("XDG_CONFIG_HOME"):
        return Path(settings) / "leyden"
    try:
        return Path.home() / ".config" / "leyden"
    except RuntimeError:
        raise KeyStoreError("This user has no home directory. Set LEYDEN_HOME to a private one.") from None
