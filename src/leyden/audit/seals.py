"""Seals of Leyden's checkpoints: whether the header of a file is what was signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leyden.audit.finding import File, Record, Source
from leyden.audit.rules.runs import SEAL_BROKEN, SEALS
from leyden.errors import DigestError, FormatError, SealError

_PREFIX: Final = b'{"__metadata__":{"leyden.seal":"'  # the same as wire.envelope's, which is slow to import
_START: Final = 8  # after the length of the header


def read_seal(file: File) -> Iterator[Record]:
    """A sealed file whose header was changed. Its tensors are hashed by ``leyden verify`` alone."""
    if bytes(file.data[_START : _START + len(_PREFIX)]) != _PREFIX:
        return
    from leyden.wire import envelope

    try:
        envelope.read(file.data, "It")
    except (DigestError, SealError) as error:
        yield SEAL_BROKEN.at(file.place, str(error), key="seal")
    except FormatError as error:
        yield SEAL_BROKEN.at(file.place, f"Its seal cannot be checked: {error}", key="format")


SOURCE: Final = Source("seals", read_seal, SEALS)
