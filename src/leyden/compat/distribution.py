"""What ``importlib.metadata`` is told about Lightning while Leyden serves its names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution
from typing import Final, NoReturn, final

NAMES: Final = ("lightning", "pytorch-lightning", "lightning-fabric")


@final
class AliasDistribution(Distribution):
    """One of Lightning's distributions: it has a name and a version, and neither files nor entry points."""

    def __init__(self, name: str, version: str) -> None:
        self._metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path: object) -> NoReturn:
        raise FileNotFoundError(f"{path}: Lightning's names are served by Leyden, so Lightning has no files here.")


def distributions(name: str | None, version: str) -> Iterator[Distribution]:
    """Those of that name in any spelling; all of them without one."""
    wanted = NAMES if name is None else (re.sub(r"[-_.]+", "-", name).lower(),)
    return (AliasDistribution(one, version) for one in NAMES if one in wanted)
