"""Durations, in the three ways in which programs spell them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from numbers import Real
from typing import Any

from leyden.errors import SettingsError

Duration = str | timedelta | Mapping[str, float]
"""``"DD:HH:MM:SS"``, a timedelta, or a dict of its keyword arguments."""

_UNITS = {"weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds"}


def seconds_of(argument: str, duration: Any) -> float:
    """The seconds of a duration that was given as ``argument``.

    Raises:
        SettingsError: it is no duration, or negative.
    """
    found = None
    match duration:
        case timedelta():
            found = duration
        case str():
            parts = re.fullmatch(r"(\d{1,5}):(\d{1,2}):(\d{1,2}):(\d{1,2})", duration.strip(), re.ASCII)
            if parts:
                days, hours, minutes, seconds = map(int, parts.groups())
                found = timedelta(days, seconds, hours=hours, minutes=minutes)
        case Mapping() if duration and duration.keys() <= _UNITS and all(map(_is_number, duration.values())):
            with suppress(OverflowError):
                found = timedelta(**duration)
    if found is not None and found >= timedelta():
        return found.total_seconds()
    raise SettingsError(
        f"{argument}={duration!r} is not a duration. Use 'DD:HH:MM:SS' such as '00:12:00:00' for twelve hours, "
        "a datetime.timedelta, or a dict such as {'hours': 12}."
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, Real) and value == value
