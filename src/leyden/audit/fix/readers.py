"""Programs that may load a checkpoint with torch, which does not read the format that --fix would write."""

from __future__ import annotations

import re
from typing import Final

from leyden.audit.finding import Finding
from leyden.audit.opening import SpecialError, head
from leyden.audit.report import Report
from leyden.audit.walk import Walk

_MOST: Final = 4 << 20  # bytes of one program
_PROGRAMS: Final = (".py", ".pyw", ".ipynb")
_TORCH: Final = re.compile(rb"\b(?:torch|lightning|pytorch_lightning)\b")
_LEYDEN: Final = re.compile(rb"\bleyden\b")
_LOADS: Final = re.compile(rb"\btorch\.load\b")


def program_with_torch(report: Report) -> str:
    """The first program beneath the audited paths that works with torch and not through Leyden; else an empty text.

    By its words alone: which file it loads is seldom written in it. What cannot be read may be such a program.
    """
    for found in Walk(report.paths, own=report.root):
        if isinstance(found, Finding) or not found.path.endswith(_PROGRAMS):
            continue
        try:
            text = head(found.path, _MOST)
        except (OSError, SpecialError):
            return found.path
        if _LOADS.search(text) or (_TORCH.search(text) and not _LEYDEN.search(text)):
            return found.path
    return ""
