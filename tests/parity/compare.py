"""Compare the answers that one program gave under two frameworks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

BEFORE, AFTER = 4, 3
FLOAT = re.compile(r"-?0x[01]\.[0-9a-f]+p[+-]\d+")


@dataclass(frozen=True)
class Difference:
    """One place where two answers differ: which, and how it reads."""

    path: str
    text: str
    theirs: Any
    ours: Any


def mismatches(theirs: Any, ours: Any, declared: Mapping[str, Any]) -> list[str]:
    """What is wrong with a pair of answers, in words; empty where they agree but for the declared differences.

    ``declared`` maps a pattern of paths (``*`` stands for anything) to the reason why they differ, or to a dictionary
    of ``reason`` and ``lines``, a regular expression: then only lines that it matches may differ. A declared difference
    that is not there is a mismatch too.
    """
    wrong = []
    seen: set[str] = set()
    for difference in differences(theirs, ours):
        pattern = next((key for key in declared if fnmatchcase(difference.path, key)), None)
        if pattern is None:
            wrong.append(difference.text)
            continue
        seen.add(pattern)
        if isinstance(declared[pattern], Mapping):
            line = re.compile(declared[pattern]["lines"])
            kept = [[text for text in texts if not line.search(text)] for texts in (difference.theirs, difference.ours)]
            wrong += [beyond.text for beyond in differences(*kept, difference.path)]
    missing = [f"{pattern}: declared to differ, but does not" for pattern in declared if pattern not in seen]
    return wrong + missing


def differences(theirs: Any, ours: Any, path: str = "") -> Iterator[Difference]:
    """Every place where two answers differ; a list of lines counts as one place."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in (*theirs, *(key for key in ours if key not in theirs)):
            where = f"{path}.{key}" if path else key
            yield from differences(theirs.get(key, "<absent>"), ours.get(key, "<absent>"), where)
    elif theirs != ours:
        lines = isinstance(theirs, list) and isinstance(ours, list) and "tensor" not in (*theirs[:1], *ours[:1])
        plain = f"\n  Lightning: {_readable(theirs)}\n  Leyden:    {_readable(ours)}"
        yield Difference(path, path + (_first_line(theirs, ours) if lines else plain), theirs, ours)


def _first_line(theirs: list[Any], ours: list[Any]) -> str:
    at = next((i for i, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b), min(len(theirs), len(ours)))
    shown = [f"[{at}] of {len(theirs)} (Lightning) and {len(ours)} (Leyden)"]
    shown += [f"             {_readable(line)}" for line in theirs[max(0, at - BEFORE) : at]]
    for name, lines in (("Lightning:", theirs), ("Leyden:   ", ours)):
        shown += [f"  {name} {_readable(line)}" for line in (lines[at : at + AFTER] or ["<nothing more>"])]
    return "\n".join(shown)


def _readable(value: Any) -> str:
    return FLOAT.sub(lambda found: f"{float.fromhex(found[0])!r}", str(value))
