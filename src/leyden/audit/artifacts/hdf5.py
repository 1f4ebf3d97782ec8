"""HDF5 files: recognized, and searched for the configuration of a Keras model, which lies in them as plain JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.artifacts.keras import judge_config
from leyden.audit.finding import Artifact, File, Finding, LimitError, Record, Severity
from leyden.audit.rules.artifacts import HDF5, KERAS_CODE, MISLABELLED

_MAGIC: Final = b"\x89HDF\r\n\x1a\n"
_NAMES: Final = (".h5", ".hdf5", ".keras")  # programs of other fields put text before it
_FIRST_BLOCK: Final = 512  # what a program puts before the file ends at this or twice, four times, … as much
_CONFIG: Final = re.compile(rb'\{\s*"(?:class_name|module|\\u[0-9a-fA-F]{4}\w*)"\s*:')
_ESCAPED_LETTER: Final = re.compile(rb"\\u00(?:4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])")
_LAMBDA: Final = re.compile(rb'"class_name"\s*:\s*"(?:Lambda|__lambda__)"')
LONGEST_CONFIG: Final = 16 << 20
MOST_TRIED: Final = 200  # places that begin as a configuration does


def start_of(data: memoryview) -> int | None:
    """Where an HDF5 file begins in ``data``, or None."""
    at = 0
    while at + len(_MAGIC) <= len(data):
        if bytes(data[at : at + len(_MAGIC)]) == _MAGIC:
            return at
        at = 2 * at or _FIRST_BLOCK
    return None


def read_hdf5(file: File) -> Iterator[Record]:
    """An HDF5 file."""
    yield Artifact(file.place, "hdf5", len(file.data))
    if (start := start_of(file.data)) and file.name.endswith(_NAMES):
        message = f"{start:,} bytes of something else stand before the HDF5 file."
        yield MISLABELLED.at(file.place, message, key="user block")
    found = list(_configurations(file))
    yield from found
    if not found:
        yield HDF5.at(file.place, "It was recognized, and not read.", key="hdf5")


def _configurations(file: File) -> Iterator[Finding]:
    data = file.data
    if (word := _LAMBDA.search(data)) is not None:
        message = "It holds a Keras model with a Lambda layer."
        yield KERAS_CODE.at(file.place.at_byte(word.start()), message, snippet=str(word[0], "ascii"), key="Lambda")
        return
    at = 0
    for _ in range(MOST_TRIED):
        file.budget.take()
        begun = _CONFIG.search(data, at)
        if begun is None:
            return
        start = begun.start()
        try:
            config, length = json.JSONDecoder().raw_decode(str(data[start : start + LONGEST_CONFIG], "latin-1"))
        except (ValueError, RecursionError):
            at = begun.end()
            continue
        at = start + length
        place = file.place.at_byte(start)
        if _ESCAPED_LETTER.search(data, start, at) is not None:
            message = "The configuration of a Keras model writes plain letters as escapes."
            yield KERAS_CODE.at(place, message, severity=Severity.HIGH, key="escapes")
        yield from judge_config(place, config)
    raise LimitError(f"it looks like a configuration of Keras in over {MOST_TRIED:,} places")
