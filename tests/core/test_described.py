from __future__ import annotations

import pytest

from leyden.core.described import described


class Adam:
    pass


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (3, "an int"),
        ("text", "a str"),
        (Adam(), "an Adam"),
        (Adam, "the class Adam and not an object of it"),
        ([], "a list"),
        ((1, "x"), "a tuple of (int, str)"),
        ([Adam()], "a list of (Adam)"),
        ({"a": 1}, "a dict"),
    ],
)
def test_a_value_is_described_by_what_it_is(value, words):
    assert described(value) == words
