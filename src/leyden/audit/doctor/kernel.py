"""What the kernel offers to confine a program that is not trusted."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leyden.audit.doctor.line import Line, Status

SECTION: Final = "sandbox"
_LANDLOCK: Final = 444  # landlock_create_ruleset, which has the same number on all architectures that are in use
_ASK_VERSION: Final = 1
_NOT_LINUX: Final = "Only Linux has it; run untrusted code in a container or a virtual machine."


def lines(proc: Path = Path("/proc")) -> Iterator[Line]:
    """Each feature with its version, or why it is not there."""
    if not sys.platform.startswith("linux"):
        for name in ("Landlock", "seccomp", "user namespaces"):
            yield Line(SECTION, name, f"not on {platform.system()}", Status.UNKNOWN, _NOT_LINUX)
        return
    yield landlock()
    yield seccomp(proc)
    yield namespaces(proc)


def landlock() -> Line:
    """Asks for the version alone, so nothing is confined by it."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        version = int(libc.syscall(ctypes.c_long(_LANDLOCK), None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_VERSION)))
    except (OSError, AttributeError) as error:
        return Line(SECTION, "Landlock", f"cannot be asked for: {error}", Status.UNKNOWN)
    if version > 0:
        return Line(SECTION, "Landlock", f"version {version}")
    number = ctypes.get_errno()
    why = {errno.ENOSYS: "the kernel is too old or has it left out", errno.EOPNOTSUPP: "it is switched off at boot"}
    text = f"not available: {why.get(number, os.strerror(number))}"
    return Line(SECTION, "Landlock", text, Status.WARN, "Files cannot be closed to a program without a container.")


def seccomp(proc: Path) -> Line:
    status = _fields(proc / "self" / "status")
    if status is None:
        return Line(SECTION, "seccomp", "cannot be asked for", Status.UNKNOWN)
    if "Seccomp" not in status:
        return Line(SECTION, "seccomp", "not in this kernel", Status.WARN, "System calls cannot be filtered.")
    mode = {"0": "available", "1": "this process is confined strictly", "2": "available, and this process has a filter"}
    return Line(SECTION, "seccomp", mode.get(status["Seccomp"], status["Seccomp"]))


def namespaces(proc: Path) -> Line:
    name, advice = "user namespaces", "A program without rights cannot be given a network or a file system of its own."
    most = _number(proc / "sys" / "user" / "max_user_namespaces")
    if most is None:
        return Line(SECTION, name, "cannot be asked for", Status.UNKNOWN)
    if most == 0:
        return Line(SECTION, name, "switched off (user.max_user_namespaces = 0)", Status.WARN, advice)
    if _number(proc / "sys" / "kernel" / "unprivileged_userns_clone") == 0:
        return Line(SECTION, name, "for root alone (kernel.unprivileged_userns_clone = 0)", Status.WARN, advice)
    if _number(proc / "sys" / "kernel" / "apparmor_restrict_unprivileged_userns") == 1:
        return Line(SECTION, name, "restricted by AppArmor", Status.WARN, advice)
    return Line(SECTION, name, f"up to {most:,}")


def _fields(path: Path) -> dict[str, str] | None:
    try:
        text = path.read_text("ascii", "replace")
    except OSError:
        return None
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii", "replace"))
    except (OSError, ValueError):
        return None
