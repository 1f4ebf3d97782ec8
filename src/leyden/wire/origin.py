"""Where a checkpoint comes from: the run and save that made it, the one before it, and what it was made with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from leyden.errors import FormatError
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_RUN: Final = re.compile(r"[0-9a-f]{32}")
_TIME: Final = re.compile(r"[0-9T:.Z+-]{1,40}")
_NAME: Final = re.compile(r"[!-~]{1,200}")  # of a package, its version or a revision: it may come to a terminal
_LARGEST: Final = 1 << 53


@final
@dataclass(frozen=True)
class Origin:
    """What a checkpoint says of itself. Digests are SHA-256 in hexadecimal.

    ``packages`` has the version of each installed package and the digest of its RECORD, which names all its files.
    """

    run: str  # drawn when the run began; a run that is resumed goes on under it
    number: int  # of the save in the run, from 1
    parent: str | None  # digest of the checkpoint before it; None for the first
    time: str  # ISO 8601 in UTC, by the clock of the machine
    step: int
    epoch: int
    configuration: str | None = None  # digest of the settings
    code: str | None = None  # the revision of the program's repository
    data: str | None = None  # digest of a manifest of the data
    packages: Mapping[str, tuple[str, str | None]] | None = None


def dumps(origin: Origin) -> str:
    """The text that a header has."""
    members: dict[str, Json] = dict(vars(origin))  # in the order of the fields
    if origin.packages is not None:
        members["packages"] = {name: [version, digest] for name, (version, digest) in sorted(origin.packages.items())}
    return strict_json.dumps(members)


def loads(text: str, where: str) -> Origin:
    """What a header says; FormatError where it is malformed."""
    match strict_json.loads(text, depth=4, values=1 << 18, what=f"{where}: the origin"):
        case {
            "run": str(run),
            "number": int(number),
            "parent": (str() | None) as parent,
            "time": str(time),
            "step": int(step),
            "epoch": int(epoch),
            "configuration": (str() | None) as configuration,
            "code": (str() | None) as code,
            "data": (str() | None) as data,
            "packages": (dict() | None) as packages,
            **others,
        } if (
            not others
            and _RUN.fullmatch(run)
            and _TIME.fullmatch(time)
            and (code is None or _NAME.fullmatch(code))
            and all(type(count) is int and 0 <= count < _LARGEST for count in (number, step, epoch))
            and all(digest is None or _DIGEST.fullmatch(digest) for digest in (parent, configuration, data))
        ):
            return Origin(run, number, parent, time, step, epoch, configuration, code, data, _packages(packages, where))
    raise FormatError(f"{where}: what it says of its origin is malformed.")


def _packages(found: dict[str, Json] | None, where: str) -> dict[str, tuple[str, str | None]] | None:
    if found is None:
        return None
    packages: dict[str, tuple[str, str | None]] = {}
    for name, entry in found.items():
        match entry:
            case [str(version), (str() | None) as digest] if (
                _NAME.fullmatch(name) and _NAME.fullmatch(version) and (digest is None or _DIGEST.fullmatch(digest))
            ):
                packages[name] = version, digest
            case _:
                raise FormatError(f"{where}: what it says of the package {name[:100]!r} is malformed.")
    return packages
