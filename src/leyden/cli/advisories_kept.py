"""The lists of advisories in the user's own directory, which came after the one that Leyden was shipped with.

Each lies there as ``list-NUMBER.json`` with its signature beside it. The signature is written first and the older lists
go last, so a list is there whole or not at all, whenever a program dies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from leyden.errors import LeydenError, PathError, SealError

if TYPE_CHECKING:
    from leyden.audit.advisories.advisory import Catalogue

_NAME: Final = re.compile(r"list-([0-9]{1,9})\.json")
_MOST: Final = 100  # names in the directory that are looked at


@final
@dataclass(frozen=True)
class Kept:
    """Which list counts: the one at ``path``, or the shipped one. ``wrong`` says why a newer one does not count."""

    path: str = ""
    wrong: str = ""

    def catalogue(self) -> Catalogue:
        from leyden.audit.advisories.listed import listed  # here: most audits need neither

        return listed(self.path)


def directory() -> Path:
    from leyden.security.home import home

    return home() / "advisories"


def newest() -> Kept:
    """The newest list that is signed, the shipped one included."""
    try:
        names = [name for path in directory().iterdir() if (name := _NAME.fullmatch(path.name))][:_MOST]
    except (FileNotFoundError, NotADirectoryError):
        return Kept()
    except (OSError, LeydenError) as error:
        return Kept(wrong=f"The directory of the lists of advisories cannot be read: {error}")
    from leyden.audit.advisories.listed import listed

    wrong = ""
    for name in sorted(names, key=lambda found: -int(found[1])):
        path = directory() / name[0]
        if int(name[1]) <= listed().number:
            break
        try:
            catalogue = read(path)
            if catalogue.number != int(name[1]):
                raise SealError(f"{path} is the list of number {catalogue.number}.")
        except (OSError, LeydenError) as error:
            wrong = wrong or str(error)
            continue
        return Kept(str(path), wrong)
    return Kept(wrong=wrong)


def read(path: Path) -> Catalogue:
    """A list whose signature lies beside it; an error where a maintainer has not signed it."""
    from leyden.audit.advisories.signed import verified

    content, line = contents(path)
    return verified(content, line, str(path))[0]


def contents(path: Path) -> tuple[bytes, bytes]:
    """A list and its signature, as they are."""
    from leyden.audit.advisories import reading
    from leyden.audit.advisories.signed import SUFFIX
    from leyden.security.paths import read_regular
    from leyden.wire import detached

    signature = path.with_name(path.name + SUFFIX)
    try:
        return read_regular(path, reading.LARGEST + 1), read_regular(signature, detached.LARGEST + 1)
    except FileNotFoundError as error:
        raise PathError(
            f"There is no file {error.filename}. Name a list of advisories that has {signature.name}, its signature, "
            "beside it."
        ) from None


def keep(content: bytes, line: bytes, number: int) -> Path:
    """Put a list that was verified where ``newest`` finds it, for this user alone."""
    from leyden.audit.advisories.signed import SUFFIX
    from leyden.security.keys import check_private_directory
    from leyden.security.paths import private_directory, remove, replacing

    folder = private_directory(directory())
    check_private_directory(folder)
    path = folder / f"list-{number}.json"
    for target, data in ((path.with_name(path.name + SUFFIX), line), (path, content)):
        with replacing(target) as stream:
            stream.write(data)
    for older in folder.iterdir():
        found = _NAME.fullmatch(older.name.removesuffix(SUFFIX))
        if found is not None and int(found[1]) < number:
            remove(older)
    return path
