"""Lines of ``.pth`` files that each start of Python runs, and how suspicious what they do is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, final

_IMPORT: Final = ("import ", "import\t")  # what Python's site module takes for a line to run
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_QUOTED: Final = r"'[A-Za-z0-9_.]*'"
_NAMES: Final = rf"\*\((?:{_QUOTED},? ?)+\)"


class Kind(Enum):
    """What a line is."""

    KNOWN = "known"  # written by a well-known tool, to the letter
    IMPORT = "import"  # it imports one module, and that is all
    PROGRAM = "program"  # it does something else
    SUSPECT = "suspect"  # it decodes, downloads, starts programs or runs text


@final
@dataclass(frozen=True)
class Line:
    number: int
    text: str
    kind: Kind


_DISTUTILS: Final = (
    r"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os\.environ\.get\(var, '(?:local|stdlib)'\) == 'local'; "
    r"enabled and __import__\('_distutils_hack'\)\.add_shim\(\);"
)
_COVERAGE: Final = (
    r"import sys; exec\('import os\\n\\nif os\.getenv\(\"COVERAGE_PROCESS_START\"\) or "
    r"os\.getenv\(\"COVERAGE_PROCESS_CONFIG\"\):\\n try:\\n  import coverage\\n except:\\n  pass\\n else:\\n  "
    r"coverage\.process_startup\(slug=\"pth\"\)'\)"
)
_EASY_INSTALL: Final = (
    r"import sys; new ?= ?sys\.path\[sys\.__plen:\]; del sys\.path\[sys\.__plen:\]; "
    r"p ?= ?getattr\(sys, ?'__egginsert', ?0\); sys\.path\[p:p\] ?= ?new; sys\.__egginsert = p ?\+ ?len\(new\)"
)
# Whole lines that setuptools, coverage and easy_install write.
_LINES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        _DISTUTILS,
        rf"import (__editable__{_NAME}_finder); \1\.install\(\)",
        r"import coverage; coverage\.process_startup\(\)",
        _COVERAGE,
        r"import sys; sys\.__plen = len\(sys\.path\)",
        _EASY_INSTALL,
    )
)
_MODULE: Final = (
    rf"m = (?:has_mfs and )?sys\.modules\.setdefault\({_QUOTED}, importlib\.util\.module_from_spec\("
    rf"importlib\.machinery\.PathFinder\.find_spec\({_QUOTED}, \[os\.path\.dirname\(p\)\]\)\)\)"
)
# Statements of the lines that setuptools writes for namespace packages (NAME-nspkg.pth), in all its forms.
_NAMESPACE: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"import sys, ?types, ?os",
        r"has_mfs = sys\.version_info > \(3, 5\)",
        rf"p = os\.path\.join\(sys\._getframe\(1\)\.f_locals\['sitedir'\], {_NAMES}\)",
        r"importlib = (?:has_mfs and )?__import__\('importlib\.util'\)",
        r"(?:has_mfs and )?__import__\('importlib\.machinery'\)",
        _MODULE,
        rf"m = (?:m|not ie) (?:or|and) sys\.modules\.setdefault\({_QUOTED}, ?types\.ModuleType\({_QUOTED}\)\)",
        r"ie = os\.path\.exists\(os\.path\.join\(p, ?'__init__\.py'\)\)",
        r"mp = \(m or \[\]\) and m\.__dict__\.setdefault\('__path__', ?\[\]\)",
        r"\(p not in mp\) and mp\.append\(p\)",
        rf"m and setattr\(sys\.modules\[{_QUOTED}\], {_QUOTED}, m\)",
    )
)
_ONE_IMPORT: Final = re.compile(rf"import[ \t]+{_NAME}(?:\.{_NAME})*[ \t]*;?")
_SUSPECT: Final = re.compile(
    r"\b(?:exec|eval|compile|subprocess|Popen|socket|urllib|requests|httpx?|ctypes|base64|b64decode|binascii|zlib|"
    r"marshal|pickle|fromhex|decode|codecs|getattr|runpy|importlib|__import__|builtins|system|popen|spawn\w*|execv\w*|"
    r"fork\w*|pty|ssl|ftplib|paramiko|open)\b|\\x[0-9a-fA-F]{2}"
)


def lines(content: bytes) -> Iterator[Line]:
    """The lines of a ``.pth`` file that Python runs."""
    for number, whole in enumerate(content.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n"), 1):
        # Newer releases of Python end a line at more characters than older ones do: both readings count.
        for text in [whole] if whole.startswith(_IMPORT) else whole.splitlines():
            if text.startswith(_IMPORT):
                yield Line(number, text, kind(text.rstrip()))


def paths(content: bytes) -> Iterator[tuple[int, str]]:
    """The lines of a ``.pth`` file that name a directory to import from, with their numbers."""
    for number, text in enumerate(content.decode("utf-8-sig", "replace").splitlines(), 1):
        if text.strip() and not text.startswith(("#", *_IMPORT)):
            yield number, text.rstrip()


def kind(text: str) -> Kind:
    """What one such line is."""
    if any(pattern.fullmatch(text) for pattern in _LINES) or _is_namespace(text):
        return Kind.KNOWN
    if _ONE_IMPORT.fullmatch(text):
        return Kind.IMPORT
    return Kind.SUSPECT if is_suspect(text) else Kind.PROGRAM


def is_suspect(text: str) -> bool:
    """Whether a program has words of one that hides what it does, fetches more, or starts another."""
    return _SUSPECT.search(text) is not None


def _is_namespace(text: str) -> bool:
    statements = [part.strip() for part in text.split(";")]
    return len(statements) > 3 and all(
        any(pattern.fullmatch(statement) for pattern in _NAMESPACE) for statement in statements if statement
    )
