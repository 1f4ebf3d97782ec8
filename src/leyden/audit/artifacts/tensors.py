"""Safetensors files."""

from __future__ import annotations

import math
from collections.abc import Iterator

from leyden.audit.finding import Artifact, File, Record
from leyden.audit.rules.artifacts import SAFETENSORS
from leyden.errors import FormatError
from leyden.wire.safetensors import read_header


def read_safetensors(file: File) -> Iterator[Record]:
    """A safetensors file, strictly."""
    try:
        header = read_header(file.data, "the file")
    except FormatError as error:
        yield SAFETENSORS.at(file.place, f"It is not read by everybody in the same way: {error}", key="header")
        return
    entries = header.entries.values()
    yield Artifact(
        file.place,
        "leyden" if "leyden.seal" in header.metadata else "safetensors",
        len(file.data),
        tensors=len(entries),
        parameters=sum(math.prod(entry.shape) for entry in entries),
        dtypes=tuple(sorted({entry.dtype for entry in entries})),
    )
