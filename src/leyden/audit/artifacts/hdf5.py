"""HDF5 files, which are recognized and searched for the words of a Lambda layer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.finding import Artifact, File, Record
from leyden.audit.rules.artifacts import HDF5, KERAS_CODE

_LAMBDA: Final = re.compile(rb'"class_name"\s*:\s*"Lambda"')
_SEARCHED: Final = 64 << 20


def read_hdf5(file: File) -> Iterator[Record]:
    """An HDF5 file."""
    yield Artifact(file.place, "hdf5", len(file.data))
    found = _LAMBDA.search(file.data[:_SEARCHED])
    if found is not None:
        message = "It holds a Keras model with a Lambda layer."
        yield KERAS_CODE.at(file.place.at_byte(found.start()), message, snippet=str(found[0], "ascii"), key="Lambda")
    else:
        yield HDF5.at(file.place, "It was recognized, and not read.", key="hdf5")
