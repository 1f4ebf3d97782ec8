"""Which files declare dependencies, by their names, and how each is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from leyden.audit.dependencies.declared import Declared
    from leyden.audit.finding import Budget

_LIST: Final = re.compile(r"(?:.{0,100}[-_.])?(?:requirements?|constraints?)(?:[-_.].{0,100})?\.(?:txt|in)")
_IN_FOLDER: Final = re.compile(r"(?:requirements|reqs|constraints)")
_ENVIRONMENT: Final = re.compile(r"(?:.{0,100}[-_.])?(?:environment|conda[-_]?env|env)(?:[-_.].{0,100})?\.ya?ml")
_CONDA_LOCK: Final = re.compile(r"(?:.{0,100}[-_.])?conda-lock\.ya?ml")
_PYLOCK: Final = re.compile(r"pylock(?:\.[^.]{1,100})?\.toml")
_SCRIPT: Final = re.compile(rb"^# /// script\s*$", re.MULTILINE)
_TOP: Final = 64 << 10  # bytes of a program in which it may say so
_COMMANDS: Final = re.compile(
    r"(?:.{0,100}[-_.])?(?:dockerfile|containerfile)(?:[-_.].{0,100})?|makefile|jenkinsfile"
    r"|.{0,200}\.(?:sh|bash|zsh|bat|cmd|ps1|ya?ml|sbatch|slurm|mk|def)"
)
_INSTALLS: Final = re.compile(rb"\bpip[0-9.]{0,5}\s[^\n]{0,200}install\s")
_LONGEST_COMMANDS: Final = 2 << 20  # bytes
NOTEBOOK: Final = ".ipynb"  # a kind of its own: its cells are what is read
_NAMES: Final = {
    "pyproject.toml": "pyproject",
    "setup.cfg": "setup.cfg",
    "setup.py": "setup.py",
    "pipfile": "pipfile",
    "pipfile.lock": "pipfile.lock",
    "poetry.lock": "lock",
    "uv.lock": "lock",
    "pdm.lock": "lock",
    "pip.conf": "pip.conf",
    "pip.ini": "pip.conf",
}


def kind(path: str) -> str:
    """What a file is by its path: a key of ``reader``, or "" for a file of another sort."""
    *folders, name = path.replace("\\", "/").lower().rsplit("/", 2)
    if found := _NAMES.get(name):
        return found
    if name.endswith((".txt", ".in")):
        inside = bool(folders) and len(folders) > 0 and _IN_FOLDER.fullmatch(folders[-1]) is not None
        return "requirements" if inside or _LIST.fullmatch(name) else ""
    if _CONDA_LOCK.fullmatch(name):
        return "conda-lock"
    if _ENVIRONMENT.fullmatch(name):
        return "environment"
    return "lock" if _PYLOCK.fullmatch(name) else ""


def kind_of(path: str, data: memoryview) -> str:
    """As ``kind``, and also a program that says itself what it depends on, and commands that install something."""
    if found := kind(path):
        return found
    name = path.replace("\\", "/").lower().rpartition("/")[2]
    if name.endswith((".py", ".pyw")):
        return "script" if _SCRIPT.search(data[:_TOP]) is not None else ""
    if name.endswith(NOTEBOOK):
        return NOTEBOOK if _INSTALLS.search(data) is not None else ""
    if _COMMANDS.fullmatch(name) and len(data) <= _LONGEST_COMMANDS and _INSTALLS.search(data) is not None:
        return "commands"
    return ""


def reader(found: str) -> Callable[[str, Budget], Declared]:
    """The reader of a kind, imported where it is used."""
    from leyden.audit.dependencies import commands, conda, locks, project_files, requirements_txt, setup_files

    readers: dict[str, Callable[[str, Budget], Declared]] = {
        "requirements": requirements_txt.read,
        "pyproject": project_files.read_pyproject,
        "setup.cfg": setup_files.read_setup_cfg,
        "setup.py": setup_files.read_setup_py,
        "pip.conf": setup_files.read_pip_conf,
        "commands": commands.read,
        "script": project_files.read_script,
        "pipfile": project_files.read_pipfile,
        "pipfile.lock": locks.read_pipfile_lock,
        "lock": locks.read_toml,
        "environment": conda.read_environment,
        "conda-lock": conda.read_lock,
    }
    return readers[found]
