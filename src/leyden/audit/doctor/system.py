"""Python, the system, and where files go."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leyden._version import __version__
from leyden.audit.doctor.line import Line, Status
from leyden.audit.host.files import temporary_directory
from leyden.audit.walk import reason

_GIB: Final = 1 << 30
_LITTLE: Final = 5 * _GIB  # a checkpoint of a middling model takes as much


def environment() -> Iterator[Line]:
    section = "environment"
    yield Line(section, "leyden", __version__)
    yield Line(section, "Python", f"{platform.python_version()} ({sys.executable})")
    yield Line(section, "system", platform.platform(terse=True))
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        text = "root: what a program does to the machine, nothing stops"
        yield Line(section, "user", text, Status.WARN, "Train as a user without rights, also in a container.")


def files(here: Path) -> Iterator[Line]:
    """Where files go, and who may touch them."""
    section = "files"
    yield _umask(section)
    # Who may write there, the audit of the machine says.
    yield Line(section, "temporary files", str(temporary_directory(os.environ)))
    try:
        free = shutil.disk_usage(here).free
    except OSError as error:
        yield Line(section, "disk", f"cannot be asked for: {reason(error)}", Status.UNKNOWN)
    else:
        text = f"{free / _GIB:,.1f} GiB free here"
        full = free < _LITTLE
        advice = "A checkpoint that does not fit ends the run; the one before it stays whole." if full else ""
        yield Line(section, "disk", text, Status.WARN if full else Status.OK, advice)


def _umask(section: str) -> Line:
    mask = os.umask(0o077)
    os.umask(mask)
    if os.name == "posix" and not mask & stat.S_IWOTH:
        text = f"{mask:04o}: everybody may change new files"
        return Line(section, "umask", text, Status.PROBLEM, "`umask 022`, or `umask 077` on a machine with others.")
    return Line(section, "umask", f"{mask:04o}")
