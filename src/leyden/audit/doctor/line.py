"""One fact about the machine, and whether it is as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import final


class Status(Enum):
    """How a fact is to be taken."""

    OK = "ok"
    WARN = "warn"  # worth a look, and no reason to stop
    PROBLEM = "problem"  # to be mended before anything is trained here
    UNKNOWN = "unknown"  # it could not be found out


@final
@dataclass(frozen=True)
class Line:
    """A fact. ``advice`` says what to do where it is not as it should be."""

    section: str
    name: str
    value: str
    status: Status = Status.OK
    advice: str = ""
