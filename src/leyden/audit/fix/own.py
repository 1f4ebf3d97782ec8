"""Which files --fix may touch: regular ones of the user's own, under their own name."""

from __future__ import annotations

import os
import stat
from typing import Final

from leyden.audit.finding import Budget, LimitError, Limits
from leyden.audit.fix.steps import Leave
from leyden.audit.opening import opened
from leyden.errors import FormatError

LARGEST: Final = 2 << 20  # bytes of a text that is changed; people write no longer ones


def own_mode(path: str) -> int | Leave:
    """The permissions of a file or directory that is the user's own and no link."""
    status = _own(path)
    return status if isinstance(status, Leave) else stat.S_IMODE(status.st_mode)


def own_text(path: str) -> bytes | Leave:
    """The content of a text file that may be replaced by a changed one."""
    status = _own(path)
    if isinstance(status, Leave):
        return status
    if status.st_nlink > 1:  # in a package manager's cache, for instance; the other names would keep the old text
        return Leave(path, "it has other names (hard links), which would keep the old text")
    if status.st_size > LARGEST:
        return Leave(path, f"it is longer than {LARGEST:,} bytes")
    try:
        with opened(path, Budget(Limits())) as file:
            return bytes(file.data)
    except OSError as error:
        return Leave(path, f"it cannot be read: {(error.strerror or type(error).__name__).lower()}")
    except (FormatError, LimitError) as error:
        return Leave(path, str(error))


def _own(path: str) -> os.stat_result | Leave:
    try:
        status = os.lstat(path)
    except OSError as error:
        return Leave(path, f"it cannot be looked at: {(error.strerror or type(error).__name__).lower()}")
    if stat.S_ISLNK(status.st_mode):
        return Leave(path, "it is a link; name what it leads to")
    if os.name == "posix" and status.st_uid != os.geteuid():
        return Leave(path, "it belongs to somebody else")
    return status
