"""The distributions that are installed in a directory, by what lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.advisories.advisory import normalized
from leyden.audit.finding import Finding, Place
from leyden.audit.opening import SpecialError, head
from leyden.audit.rules.engine import UNREADABLE
from leyden.audit.walk import unreadable

_MOST_METADATA: Final = 64 << 10  # bytes: name and version stand at its beginning
_SUFFIXES: Final = (".dist-info", ".egg-info")


@final
@dataclass(frozen=True)
class Distribution:
    """An installed package. ``info`` is the directory, or for old ones the file, that describes it."""

    name: str
    version: str
    folder: str
    info: str

    @property
    def key(self) -> str:
        """Its name as an index compares it."""
        return normalized(self.name)

    @property
    def place(self) -> Place:
        return Place(self.info)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def installed(folder: str) -> Iterator[Distribution | Finding]:
    """What is installed directly in ``folder``, in the order of names; what could not be read is a finding."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError as error:
        yield unreadable(folder, error)
        return
    for name in names:
        if name.endswith(_SUFFIXES):
            yield _distribution(folder, name)


def _distribution(folder: str, name: str) -> Distribution | Finding:
    info = os.path.join(folder, name)  # noqa: PTH118
    try:
        fields = _fields(_metadata(info))
    except SpecialError as error:
        return UNREADABLE.at(Place(info), f"Its METADATA was not opened: {error}.")
    except OSError as error:
        # An interrupted installation leaves directories without anything in them; the name still tells.
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return unreadable(info, error)
        fields = {}
    spelt, _, version = name.rpartition(".")[0].partition("-")
    return Distribution(fields.get("name") or spelt, fields.get("version") or version.partition("-")[0], folder, info)


def _metadata(info: str) -> bytes:
    if info.endswith(".dist-info"):
        return head(os.path.join(info, "METADATA"), _MOST_METADATA)  # noqa: PTH118
    if os.path.isdir(info):  # noqa: PTH112
        return head(os.path.join(info, "PKG-INFO"), _MOST_METADATA)  # noqa: PTH118
    return head(info, _MOST_METADATA)


def _fields(content: bytes) -> dict[str, str]:
    """Name and version out of the header, which ends with an empty line."""
    found: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        if not line.strip():
            break
        name, _, value = line.partition(":")
        if name.lower() in ("name", "version"):
            found.setdefault(name.lower(), value.strip()[:200])
    return found
