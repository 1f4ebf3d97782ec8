"""Whether everything that an object is lies in its attributes is a question about Python itself, too."""

from __future__ import annotations

import array
import collections
import ctypes
import dataclasses
import decimal
import io
import random
import re
import threading
import types
from typing import NamedTuple, Protocol

import pytest

from leyden.checkpoint.layout import PAYLOADS, Layout, attributes_of, layout_of, set_attributes


class Plain: ...


class Slots:
    __slots__ = ("a", "b")


class More(Slots):
    __slots__ = ("__dict__", "__weakref__", "c")


class Open(More): ...


class Like(Protocol): ...


class Both(list, Like): ...


class Row(NamedTuple):
    x: int


class Longer(Row): ...


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: int


@pytest.mark.parametrize("kind", [Plain, Slots, More, Open, Like, Both, Row, Longer, Frozen])
def test_a_class_of_python_keeps_all_in_its_attributes(kind):
    assert isinstance(layout_of(kind), Layout)


@pytest.mark.parametrize("base", PAYLOADS)
def test_a_class_that_extends_what_has_content_keeps_that_too(base):
    for members in ({}, {"__slots__": ()}):
        layout = layout_of(type("Extended", (base,), members))
        assert isinstance(layout, Layout)
        assert layout.payload is base


@pytest.mark.parametrize(
    "base",
    [
        array.array, bytearray, complex, collections.deque, collections.defaultdict, ctypes.c_int, decimal.Decimal,
        Exception, io.BytesIO, random.Random, threading.local, types.SimpleNamespace, BaseException, io.StringIO,
    ],
)  # fmt: skip
def test_a_class_that_extends_what_is_written_in_c_does_not(base):
    assert isinstance(layout_of(type("Extended", (base,), {})), str)


@pytest.mark.parametrize("kind", [type(re.compile("")), type(threading.Lock()), type(iter([])), types.FunctionType])
def test_a_class_that_is_written_in_c_does_not(kind):
    assert isinstance(layout_of(kind), str)


def test_two_slots_of_one_name_are_refused():
    again = type("Again", (Slots,), {"__slots__": ("a",)})
    assert layout_of(again) == "with two slots 'a'"


@pytest.mark.parametrize("name", ["__class__", "__dict__"])
def test_a_class_that_hides_what_it_is_is_refused(name):
    assert "hides what it is" in str(layout_of(type("Hiding", (), {name: property(lambda self: {})})))


def test_attributes_are_read_and_set_past_the_class():
    class Strict(More):
        def __getattribute__(self, name):
            raise AssertionError

        __setattr__ = __getattribute__

    layout = layout_of(Strict)
    assert isinstance(layout, Layout)
    value = object.__new__(Strict)
    assert attributes_of(value, layout) == {}
    assert set_attributes(value, layout, {"a": 1, "c": 2, "free": 3}) is None
    assert attributes_of(value, layout) == {"a": 1, "c": 2, "free": 3}
    closed = layout_of(Slots)
    assert isinstance(closed, Layout)
    assert set_attributes(Slots(), closed, {"free": 3}) == "free"
