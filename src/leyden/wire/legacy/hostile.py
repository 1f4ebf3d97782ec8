"""Names that no checkpoint has a use for, wherever in it they stand: a file with one of them is an attack."""

from __future__ import annotations

from typing import Final

from leyden.wire.pickle.nodes import Name

# Modules under which everything starts programs, runs code, or reaches files and connections.
_MODULES: Final = (
    "os posix nt subprocess _posixsubprocess pty shutil socket ctypes _ctypes importlib imp runpy code codeop commands "
    "popen2 pdb bdb webbrowser pickle _pickle marshal sys site zipimport pkgutil _winapi winreg ftplib smtplib "
    "telnetlib http urllib xmlrpc pip ensurepip distutils setuptools pydoc timeit doctest"
)
_BUILTINS: Final = "eval exec compile open __import__ globals locals vars setattr delattr input breakpoint exit quit"


def is_hostile(name: Name) -> bool:
    """Whether there is no honest reason for a pickle to import this."""
    module, attribute = name
    if module in ("builtins", "__builtin__"):
        return attribute.partition(".")[0] in _BUILTINS.split()
    return module.partition(".")[0] in _MODULES.split()
