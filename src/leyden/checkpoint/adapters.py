"""Everything that a checkpoint may hold beyond plain Python."""

from __future__ import annotations

import sys

from leyden.checkpoint import tensors
from leyden.checkpoint.containers import ATTRIBUTE_DICT
from leyden.errors import CheckpointError
from leyden.wire.values import Adapter


def adapters(fetch: tensors.Fetch) -> tuple[Adapter, ...]:
    """Adapters for one pass over one tree; ``fetch`` gives the tensor that a file has under a name."""
    if sys.byteorder != "little":
        raise CheckpointError("Checkpoints are little-endian, and this machine is not. Use another machine.")
    try:
        from leyden.checkpoint import arrays
    except ModuleNotFoundError:  # torch runs without numpy, and then no value is numpy's
        return (*tensors.adapters(fetch), ATTRIBUTE_DICT)
    return (*tensors.adapters(fetch), *arrays.adapters(), ATTRIBUTE_DICT)
