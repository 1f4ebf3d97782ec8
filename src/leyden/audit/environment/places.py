"""Which environment there is to look at, and where in it packages are installed."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from leyden.errors import SettingsError

CONFIGURATION: Final = "pyvenv.cfg"
_OF_A_PROJECT: Final = (".venv", "venv", "env")
_VARIABLES: Final = ("VIRTUAL_ENV", "CONDA_PREFIX")
_FOLDERS: Final = ("lib*/python3*/site-packages", "lib*/python3*/dist-packages", "Lib/site-packages")


@final
@dataclass(frozen=True)
class Environment:
    """Where an environment lies, and the directories of it in which packages are installed. All without links.

    Packages of the user's own, which no virtual environment has, lie beneath ``besides``.
    """

    prefix: str
    folders: tuple[str, ...]
    besides: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether a path without ``..`` lies in this environment."""
        return any(path.startswith(base.rstrip(os.sep) + os.sep) for base in (self.prefix, *self.besides))


def named(path: Path) -> Environment:
    """The environment in a directory; SettingsError where there is none. A directory of packages is one as well."""
    prefix = os.path.realpath(path)
    folders = _folders(prefix)
    if not folders and _holds_packages(prefix):
        folders = (prefix,)
    if not folders:
        raise SettingsError(
            f"{path} is no environment: it has no lib/python3.*/site-packages and no packages. "
            "Name the directory with pyvenv.cfg in it, or one of installed packages."
        )
    return Environment(prefix, folders)


def usual(here: Path, variables: Mapping[str, str] = os.environ) -> Environment:
    """The project's own environment, else the active one, else that of the Python that runs this."""
    candidates = [here / name for name in _OF_A_PROJECT if (here / name / CONFIGURATION).is_file()]
    candidates += [Path(variables[name]) for name in _VARIABLES if variables.get(name)]
    for candidate in candidates:
        prefix = os.path.realpath(candidate)
        if os.path.isdir(prefix):  # noqa: PTH112
            return Environment(prefix, _folders(prefix))
    return running()


def running() -> Environment:
    """The environment of the Python that runs this, with the user's own packages if it imports those."""
    own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    folders = _distinct(path for path in (*site.getsitepackages(), *own) if os.path.isdir(path))  # noqa: PTH112
    return Environment(os.path.realpath(sys.prefix), folders, tuple(os.path.realpath(site.getuserbase()) for _ in own))


def sees_system(prefix: str) -> bool:
    """Whether a virtual environment also imports what is installed outside of it."""
    from leyden.audit.opening import head  # here: the places alone need no file

    try:
        lines = head(os.path.join(prefix, CONFIGURATION), 1 << 16).decode("utf-8", "replace").splitlines()  # noqa: PTH118
    except OSError:
        return False
    pairs = (line.partition("=") for line in lines)
    return any(name.strip() == "include-system-site-packages" and "true" in value.lower() for name, _, value in pairs)


def _folders(prefix: str) -> tuple[str, ...]:
    base = Path(prefix)
    found = (str(path) for pattern in _FOLDERS for path in sorted(base.glob(pattern)) if path.is_dir())
    return tuple(path for path in _distinct(found) if path.startswith(prefix.rstrip(os.sep) + os.sep))


def _distinct(paths: Iterator[str]) -> tuple[str, ...]:
    """``lib64`` is often a link to ``lib``."""
    return tuple(dict.fromkeys(map(os.path.realpath, paths)))


def _holds_packages(folder: str) -> bool:
    try:
        return any(name.endswith((".dist-info", ".egg-info")) for name in os.listdir(folder))  # noqa: PTH208
    except OSError:
        return False
