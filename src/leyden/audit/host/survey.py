"""The machine, looked at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from leyden.audit.finding import Finding, Place, Record, Severity, Survey
from leyden.audit.host import files
from leyden.audit.host.files import Private
from leyden.audit.host.processes import kind_of, own, sockets, without_login
from leyden.audit.host.sockets import Listener, listeners
from leyden.audit.rules.host import HOST, LISTENS, NOT_KNOWN
from leyden.audit.walk import reason

PROC: Final = "/proc"


@final
@dataclass(frozen=True)
class Host:
    """Where to look. ``private`` are the keys of other parts of this program, ``paths`` where models lie."""

    private: Sequence[Private] = ()
    paths: Sequence[str] = ()
    proc: str = PROC


def survey(host: Host) -> Survey:
    return Survey("host", lambda: look(host, os.environ), HOST)


def look(host: Host, environment: Mapping[str, str]) -> Iterator[Record]:
    user = os.geteuid() if hasattr(os, "geteuid") else 0
    yield from reached(host.proc, user)
    if os.name == "posix":  # elsewhere permission bits say nothing
        yield from files.keys(host.private, user)
        yield from files.credentials(Path.home(), environment)
        yield from files.temporary(files.temporary_directory(environment))
        yield from files.models(host.paths)


def reached(proc: str, user: int) -> Iterator[Finding]:
    """Programs of training that other machines can reach."""
    place = Place(os.path.join(proc, "net", "tcp"))  # noqa: PTH118
    try:
        waiting = {one.inode: one for one in listeners(proc) if not one.local}
        processes = list(own(proc, user))
    except OSError as error:
        yield NOT_KNOWN.at(place, f"The sockets of this system cannot be listed: {reason(error)}.", key="none")
        return
    untold = []
    for process in processes:
        kind = kind_of(process)
        if kind is None:
            continue
        try:
            theirs = [waiting[inode] for inode in dict.fromkeys(sockets(proc, process)) if inode in waiting]
        except PermissionError:
            untold.append(process.shown)
            continue
        if theirs:
            severity, meaning = kind.severity, kind.meaning
            if kind.name == "Jupyter" and without_login(process):
                severity, meaning = Severity.HIGH, "It asks for no token, so whoever reaches it runs code here."
            text = f"{process.shown} (process {process.number}) listens on {_shown(theirs)}. {meaning}"
            yield LISTENS.at(place, text, key=f"{kind.name} {process.shown}", severity=severity)
    if untold:
        text = f"The system does not tell the sockets of {len(untold)} processes, such as {untold[0]}."
        yield NOT_KNOWN.at(place, text, key="some")


def _shown(theirs: Sequence[Listener]) -> str:
    names = sorted({str(one) for one in theirs})
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
