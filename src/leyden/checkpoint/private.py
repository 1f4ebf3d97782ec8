"""What is not for everybody: found in hyperparameters before they are published, and in files before they get names."""

from __future__ import annotations

import getpass
import mmap
import os
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from leyden.audit.engine import Orders, audit
from leyden.audit.finding import Finding
from leyden.audit.sources import SOURCES
from leyden.audit.worker import command
from leyden.errors import PublicationError
from leyden.redaction import look
from leyden.security.redact import HIDDEN, redacted
from leyden.wire.origin import Origin

# Whole paths: of a file system that begins at a root, of one with drives, of a network, or of a home.
_PATH: Final = re.compile(
    r"""(?:^|[\s"'=,(\[]) (?: /[\w.@~+-]+(?:/|$|(?=[\s"'])) | [A-Za-z]:[\\/]\w | \\\\\w | ~\w*/ )""", re.VERBOSE
)
_FILE: Final = re.compile(r"file:/", re.IGNORECASE)
_EVERYBODY: Final = {"root", "user", "admin", "ubuntu"}  # says nothing of anybody


def check_hyperparameters(chosen: Mapping[str, Any]) -> None:
    """PublicationError naming the first that holds a secret, a path or the user's name."""
    for name, value in chosen.items():
        if HIDDEN in str(value) or redacted({name: value}) != {name: value}:
            raise _refusal(name, "looks like a secret, or holds one")
        for text in _texts(value):
            if _PATH.search(text) or _FILE.search(text):
                raise _refusal(name, f"holds the path {text[:100]!r}, which says something of this machine")
            if (user := _user()) and re.search(rf"\b{re.escape(user)}\b", text, re.IGNORECASE):
                raise _refusal(name, f"holds the name of the user, {user!r}")


def check_clean(folder: Path, names: Iterable[str], origin: Origin | None) -> None:
    """PublicationError for what the auditor has to say, and for secrets and names of the run in any of the files."""
    orders = Orders((str(folder),), str(folder), everything=True, trusting=False, jobs=0)
    today = datetime.now(timezone.utc).date()
    for record in audit(orders, lambda: SOURCES, today=today, worker=command()):
        if isinstance(record, Finding):
            raise PublicationError(f"What would be published is not clean ({record.rule}): {record.message}")
    words, places = _words(origin), _places()
    for name in names:
        with (folder / name).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            # A path may be so short that numbers look like it by chance, so they are looked for in text alone.
            text = 8 + int.from_bytes(data[:8], "little") if name.endswith(".safetensors") else len(data)
            for what, searched, end in (*((*word, len(data)) for word in words), *((*place, text) for place in places)):
                if data.find(searched.encode("utf-8", "surrogateescape"), 0, end) >= 0:
                    raise PublicationError(
                        f"What would be published holds {what}, in {name}. Look for it in the names of tensors and in "
                        "hyperparameters, and leave out where it stands."
                    )


def _words(origin: Origin | None) -> list[tuple[str, str]]:
    """What no file may hold, and what to call it."""
    found = [("the value of a secret variable of the environment", value) for value in look(os.environ).values]
    if origin is not None:
        told = (origin.run, origin.parent, origin.configuration, origin.code, origin.data)
        found += [("what the checkpoint says of its origin", text) for text in told if text]
    return found


def _places() -> list[tuple[str, str]]:
    found = {str(Path.home()), str(Path.cwd())} - {"/", "/root", "/tmp"}  # noqa: S108
    return [("the path of a directory of this machine", place) for place in found]


def _texts(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
        case list():
            for member in value:
                yield from _texts(member)
        case dict():
            for key, member in value.items():
                yield key
                yield from _texts(member)
        case _:
            return


def _user() -> str:
    """The name of the user, if it says something of them."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name
        return ""
    return "" if len(name) < 3 or name.lower() in _EVERYBODY else name


def _refusal(name: str, why: str) -> PublicationError:
    return PublicationError(f"The hyperparameter {name} {why}. Leave it out: what is published cannot be taken back.")
