"""Values of the standard library in torch's files: as they were saved, or one error where no program wrote them so."""

from __future__ import annotations

import _codecs
import io
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from uuid import UUID

import pytest
import torch
from torch.torch_version import TorchVersion

from leyden.checkpoint.legacy import load_legacy
from leyden.errors import FormatError, LeydenError, TrustError

EAST = timezone(timedelta(hours=5, minutes=45), "Kathmandu")
VALUES = [
    *(b"", b"\x00\xff", bytearray(), bytearray(b"\x80x"), 1 + 2j, complex("inf"), range(2, 9, 3), slice(1, None, 2)),
    *(set(), {1, "a"}, frozenset((1, 2)), Counter("hello"), deque([1, 2]), deque([1], maxlen=3), deque(maxlen=0)),
    *(OrderedDict(b=1, a=2), defaultdict(list, a=[1]), defaultdict(None, a=1), defaultdict(int)),
    *(date(2024, 2, 29), datetime(2024, 1, 2, 3, 4, 5, 6), datetime(2024, 1, 1, tzinfo=EAST)),  # noqa: DTZ001
    *(datetime(1, 1, 1, tzinfo=timezone.utc), time(1, 2, 3, 4, tzinfo=timezone.utc), time(23)),
    *(timedelta(-1, 2, 3), timezone.utc, EAST, timezone(timedelta(hours=-3))),
    *(
        Path("a/b"),
        PurePosixPath("/a"),
        PureWindowsPath("C:\\a"),
        Decimal("1.50"),
        Decimal("-Infinity"),
        Decimal("sNaN7"),
    ),
    *(Fraction(-1, 3), Fraction(4), UUID(int=5), Namespace(a=1, b=[2]), SimpleNamespace(x=None)),
    *(torch.device("cpu"), torch.device("cuda", 3), torch.Size([1, 2]), TorchVersion("2.13.0"), torch.strided),
]


class Written:
    """Written into a pickle as the call of a function, with a state; nothing calls it while it is saved."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.reduced


def saved(value, legacy=False) -> io.BytesIO:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=not legacy)
    stream.seek(0)
    return stream


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "older"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(value, legacy):
    (found,) = load_legacy(saved([value], legacy))
    assert type(found) is type(value)
    assert repr(found) == repr(value)  # of decimals that are no numbers, too, which equal nothing


def test_what_is_shared_stays_one():
    shared = deque([1])
    found = load_legacy(saved({"a": shared, "b": [shared]}))
    assert found["a"] is found["b"][0]


@pytest.mark.parametrize(
    "odd",
    [
        Written(_codecs.encode, "\u0100", "latin1"),
        Written(_codecs.encode, "x", "rot13"),
        Written(bytes, 1 << 40),
        Written(bytearray, 1 << 40),
        Written(bytearray, "x", "utf-7"),
        Written(complex, "1"),
        Written(set, "abc"),
        Written(frozenset, [[1]]),
        Written(range, 1),
        Written(range, 1, 2, 0),
        Written(slice, "a", None, None),
        Written(OrderedDict, 1),
        Written(Counter, "hello"),
        Written(defaultdict, print),
        Written(deque, (), 1 << 62),
        Written(deque, [1], 1),
        Written(date, b"xx"),
        Written(date, b"\xff\xff\x01\x01"),
        Written(datetime, b"\x00" * 10),
        Written(datetime, b"\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00", "no zone"),
        Written(time, b"\x20\x00\x00\x00\x00\x00"),
        Written(timedelta, 1 << 80, 0, 0),
        Written(timedelta, 1.5, 0, 0),
        Written(timezone, 5),
        Written(timezone, timedelta(hours=25)),
        Written(Path, 5),
        Written(Decimal, "1e1000000000000"),
        Written(Decimal, "1_0"),
        Written(Fraction, "1/0"),
        Written(Fraction, 1.5),
        Written(UUID, "x"),
        Written(Namespace, 1),
        Written(SimpleNamespace, state={1: 2}),
        Written(torch.device, "cpu", -1),
        Written(torch.device, "a b"),
        Written(torch.Size, "ab"),
        Written(TorchVersion, 1),
    ],
    ids=lambda one: f"{one.reduced[0].__name__}{str(one.reduced[1:])[:40]}",
)
def test_what_no_program_writes_is_one_clear_error(odd):
    with pytest.raises((FormatError, TrustError)) as told:
        load_legacy(saved({"x": odd}))
    assert isinstance(told.value, LeydenError)
    assert "x" in str(told.value)
