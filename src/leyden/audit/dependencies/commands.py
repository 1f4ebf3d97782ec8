"""What commands install: ``pip install torch==2.5.1`` in scripts, images and pipelines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from leyden.audit.dependencies import requirements_txt
from leyden.audit.dependencies.declared import Declared, Style
from leyden.audit.finding import Budget

_INSTALL: Final = re.compile(
    r"(?<![\w./-])(?:uv\s{1,10})?pip[0-9.]{0,5}\s{1,10}(?:-[\w-]{1,40}\s{1,10}){0,5}install\s"
    r"(?P<rest>(?:\"[^\"\n]{0,500}\"|'[^'\n]{0,500}'|[^|;&<>\n\"']){0,4000})"
)
_FILLED: Final = re.compile(r"\$\{\{[^}\n]{0,300}\}\}|\$\([^)\n]{0,300}\)")
_WORD: Final = re.compile(r"\"([^\"\n]{0,500})\"|'([^'\n]{0,500})'|([^\s\"']{1,500})")
_COMMENT: Final = re.compile(r"^\s*(?:#|//|REM\b)")
_VARIABLE: Final = re.compile(r"[$`{}%\\]")
_OPTIONS: Final = """
-c -f -i -r -t --constraint --extra-index-url --find-links --index-strategy --index-url --platform --prefix
--progress-bar --python-version --requirement --retries --root --target --timeout --trusted-host --upgrade-strategy
"""
_WITH_VALUE: Final = frozenset(_OPTIONS.split())
_KEPT: Final = ("-i", "-f", "--index-url", "--extra-index-url", "--find-links", "--index-strategy")


def read(text: str, budget: Budget) -> Declared:
    """What is named on the lines of commands; what a variable holds is not known."""
    declared = Declared(Style.COMMANDS)
    for number, line in _logical(text, budget):
        if "install" not in line or _COMMENT.match(line):
            continue
        for found in _INSTALL.finditer(_FILLED.sub("$", line)):
            written = "\n".join(_arguments(found["rest"]))
            inner = requirements_txt.read(written, budget)
            declared.requirements += [replace(one, line=number) for one in inner.requirements]
            declared.options += [replace(one, line=number) for one in inner.options]
    return declared


def _arguments(rest: str) -> Iterator[str]:
    """Requirements and options that say where packages come from, each as a line of a requirements file."""
    words = [next(filter(None, found.groups()), "") for found in _WORD.finditer(rest)]
    pending = ""
    for word in words:
        if pending:
            if pending in _KEPT and not _VARIABLE.search(word):
                yield f"{pending} {word}"
            pending = ""
        elif word in _WITH_VALUE:
            pending = word
        elif word.startswith("-"):
            if word.partition("=")[0] in _KEPT and not _VARIABLE.search(word):
                yield word
        elif not _VARIABLE.search(word) and word not in (".", "-e"):
            yield word


def _logical(text: str, budget: Budget) -> Iterator[tuple[int, str]]:
    """Lines, with those that a backslash continues joined; each with the number of its first."""
    start, parts = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        if number % 1_000 == 0:
            budget.take()
        start = start if parts else number
        bare = line.rstrip()
        if bare.endswith("\\") and len(parts) < 200:
            parts.append(bare[:-1])
            continue
        yield start, " ".join([*parts, bare])
        parts = []
    if parts:
        yield start, " ".join(parts)
