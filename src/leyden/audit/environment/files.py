"""What an environment runs by itself, and modules in it that belong to no package."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from typing import Final

from leyden.audit.environment.startup import Kind, Line, is_suspect, lines, paths
from leyden.audit.finding import Finding, Place, Severity
from leyden.audit.opening import SpecialError, head
from leyden.audit.rules.engine import OVER_LIMIT, UNREADABLE
from leyden.audit.rules.environment import STARTUP_LINE, STARTUP_MODULE, UNOWNED, WRITABLE_IMPORTS
from leyden.audit.walk import unreadable

_MOST: Final = 1 << 20  # bytes of a file that runs at each start
_STARTUP: Final = ("sitecustomize.py", "usercustomize.py")
_MODULES: Final = (".py", ".pyc", ".so", ".pyd")


def startup(folder: str, owned: Collection[str]) -> Iterator[Finding]:
    """Files directly in ``folder`` that run at each start of Python. ``owned`` are the paths that a RECORD lists."""
    for name in _names(folder):
        path = os.path.join(folder, name)  # noqa: PTH118
        if name.endswith(".pth") or name in _STARTUP:
            yield from _read(path, folder, owned)


def writable(folder: str, place: Place) -> Iterator[Finding]:
    """A directory that modules are imported from and everybody may write to; the sticky bit does not help there."""
    try:
        mode = os.stat(folder).st_mode  # noqa: PTH116
    except (OSError, ValueError):  # there is none, and then nothing is imported from it
        return
    if os.name == "posix" and stat.S_ISDIR(mode) and mode & stat.S_IWOTH:
        text = f"Modules are imported from {folder}, to which everybody may write (mode {stat.S_IMODE(mode):04o})."
        yield WRITABLE_IMPORTS.at(place, text, key=folder)


def unowned(folder: str, owned: Collection[str]) -> Iterator[Finding]:
    """Modules directly in ``folder`` that no RECORD lists."""
    for name in _names(folder):
        path = os.path.join(folder, name)  # noqa: PTH118
        if name.endswith(_MODULES) and name not in _STARTUP and path not in owned:
            yield UNOWNED.at(Place(path), "No installed package lists this module among its files.")


def _read(path: str, folder: str, owned: Collection[str]) -> Iterator[Finding]:
    place = Place(path)
    try:
        content = head(path, _MOST + 1)
    except SpecialError as error:
        yield UNREADABLE.at(place, f"It was not opened: {error}.")
        return
    except OSError as error:
        yield unreadable(path, error)
        return
    if len(content) > _MOST:
        yield OVER_LIMIT.at(place, f"It has over {_MOST:,} bytes and would run at each start of Python.", key="startup")
    if path.endswith(".pth"):
        for number, named in paths(content[:_MOST]):
            yield from writable(os.path.join(folder, named), place.at_line(number))  # noqa: PTH118
        for line in lines(content[:_MOST]):
            yield from _line(line, place, folder, owned)
    else:
        yield _module(place, content, path in owned)


def _line(line: Line, place: Place, folder: str, owned: Collection[str]) -> Iterator[Finding]:
    at = place.at_line(line.number)
    match line.kind:
        case Kind.KNOWN:
            return
        case Kind.IMPORT:
            name = line.text.split()[1].rstrip(";")
            base = os.path.join(folder, *name.split("."))  # noqa: PTH118
            listed = f"{base}.py" in owned or os.path.join(base, "__init__.py") in owned  # noqa: PTH118
            whose = "a package lists among its files" if listed else "no package lists among its files"
            yield STARTUP_LINE.at(
                at,
                f"Each start of Python imports {name}, which {whose}.",
                snippet=line.text,
                severity=Severity.INFO if listed else Severity.LOW,
            )
        case Kind.PROGRAM:
            text = "Each start of Python runs this line, which no tool known here writes."
            yield STARTUP_LINE.at(at, text, snippet=line.text, severity=Severity.LOW)
        case Kind.SUSPECT:
            text = "Each start of Python runs this line, which decodes, fetches or starts something, or runs text."
            yield STARTUP_LINE.at(at, text, snippet=line.text)


def _module(place: Place, content: bytes, listed: bool) -> Finding:
    from hashlib import sha256

    key = sha256(content).hexdigest()
    whose = "a package lists it" if listed else "no package lists it"
    if not listed and is_suspect(content.decode("utf-8", "replace")):
        text = f"Each start of Python runs this file; {whose}, and it decodes, fetches or starts something."
        return STARTUP_MODULE.at(place, text, key=key, severity=Severity.MEDIUM)
    return STARTUP_MODULE.at(place, f"Each start of Python runs this file; {whose}.", key=key)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:  # told where the distributions are listed
        return []
