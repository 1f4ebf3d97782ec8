from __future__ import annotations

from datetime import timedelta

import pytest

from leyden.core.duration import seconds_of
from leyden.errors import SettingsError


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("00:00:00:30", 30),
        ("01:02:03:04", 93784),
        (" 00:12:00:00 ", 43200),
        ("10:0:0:0", 864000),
        (timedelta(minutes=3), 180),
        (timedelta(), 0),
        ({"hours": 1, "minutes": 30}, 5400),
        ({"minutes": 0.5, "milliseconds": 500}, 30.5),
        ({"weeks": 1, "days": 1, "seconds": 1}, 691201),
    ],
)
def test_a_duration_has_the_spellings_that_lightning_knows(duration, seconds):
    assert seconds_of("max_time", duration) == seconds


@pytest.mark.parametrize(
    "duration",
    [
        "12:00:00",
        "soon",
        "",
        "00:00:00:-1",
        "00:00:00:1.5",
        "٠٠:٠٠:٠٠:٠١",
        60,
        1.5,
        {},
        {"years": 1},
        {"hours": "1"},
        {"hours": None},
        {"hours": True},
        {"hours": -1},
        {"days": 10**12},
        timedelta(seconds=-1),
        [1],
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(duration):
    with pytest.raises(SettingsError) as refused:
        seconds_of("max_time", duration)
    assert str(refused.value).startswith(f"max_time={duration!r} is not a duration. Use 'DD:HH:MM:SS'")
