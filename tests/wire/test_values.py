from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from leyden.errors import EncodeError, FormatError
from leyden.wire.tree import decode, encode

EAST = timezone(timedelta(hours=5, minutes=30, seconds=1, microseconds=2), "East")


def round_trip(value):
    return decode(encode({"v": value}, (), {}).text, {}, (), {}, "best.ckpt")[0]["v"]


@pytest.mark.parametrize(
    "value",
    [
        datetime(2024, 2, 29, 1, 2, 3, 4),  # noqa: DTZ001
        datetime(1, 1, 1, tzinfo=timezone.utc),
        datetime(9999, 12, 31, 23, 59, 59, 999999, EAST, fold=1),
        date.min,
        date.max,
        time(1, 2),
        time(1, 2, 3, 4, EAST, fold=1),
        timedelta.max,
        timedelta.min,
        timedelta(microseconds=-1),
        Path("a/b.ckpt"),
        Path("/"),
        Path("undecodable\udcff"),
        PurePosixPath("a/../b"),
        PureWindowsPath("C:/a"),
    ],
    ids=repr,
)
def test_a_value_comes_back_equal_and_of_the_same_type(value):
    back = round_trip(value)
    assert (back, type(back), repr(back)) == (value, type(value), repr(value))


def test_utc_comes_back_as_utc_itself():
    assert round_trip(datetime(2024, 1, 1, tzinfo=timezone.utc)).tzinfo is timezone.utc


class Rules(tzinfo):
    def utcoffset(self, when):
        return timedelta(0)


@pytest.mark.parametrize("value", [datetime(2024, 1, 1, tzinfo=Rules()), time(1, tzinfo=Rules())])
def test_a_time_zone_with_rules_is_refused_with_the_way_out(value):
    with pytest.raises(EncodeError, match="^v has a time zone.*astimezone"):
        encode({"v": value}, (), {})


@pytest.mark.parametrize(
    "node",
    [
        '{"$date":"20240101"}',
        '{"$date":"2024-13-01"}',
        '{"$datetime":["2024-01-01",0,null]}',
        '{"$datetime":["2024-01-01T00:00:00+01:00",0,null]}',
        '{"$datetime":["2024-01-01T00:00:00",2,null]}',
        '{"$datetime":["2024-01-01T00:00:00",0,[[1,0,0],null]]}',
        '{"$datetime":["2024-01-01T00:00:00",0,[[0,1,0],1]]}',
        '{"$datetime":["2024-01-01T00:00:00",0,"Europe/Berlin"]}',
        '{"$time":["25:00",0,null]}',
        '{"$timedelta":[99999999999,0,0]}',
        '{"$timedelta":[0,0,1e5]}',
        '{"$timedelta":[9007199254740991,0,0]}',
    ],
)
def test_what_isoformat_does_not_write_is_not_read(node):
    with pytest.raises(FormatError, match=r"^best.ckpt: v (is not|has no)"):
        decode(f'{{"v":{node}}}', {}, (), {}, "best.ckpt")
