from __future__ import annotations

import json

import pytest

from leyden.errors import FormatError
from leyden.wire.strict_json import dumps, loads


def read(text, depth=10, values=1000):
    return loads(text, depth=depth, values=values, what="the text")


@pytest.mark.parametrize("value", [None, True, 0, -1.5, 'a"\\[{,', [1, [2, {"a": None}]], {"": [], "é": "\x00"}])
def test_what_is_written_reads_back(value):
    assert read(dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' twice"),
        ('{"a": 1, "\\u0061": 2}', "the key 'a' twice"),
        ('[{"b": {"c": 1, "d": 2, "c": 1}}]', "the key 'c' twice"),
        ("[NaN]", "NaN"),
        ("[-Infinity]", "-Infinity"),
        ("[1e999]", "1e999"),
        ("[" + "9" * 5000 + "]", "5000 digits"),
        ("[1] 2", "not JSON"),
        ("", "not JSON"),
        ("'a'", "not JSON"),
        ('"a\nb"', "not JSON"),
    ],
)
def test_text_with_no_or_two_meanings_is_refused(text, reason):
    with pytest.raises(FormatError, match="the text .*" + reason.replace("[", r"\[")):
        read(text)


def test_depth_is_limited_to_the_level():
    assert read("[" * 10 + "]" * 10)
    with pytest.raises(FormatError, match="deeper than 10"):
        read("[" * 11 + "]" * 11)


def test_depth_that_would_exhaust_the_stack_is_refused_before_parsing():
    with pytest.raises(FormatError, match="deeper than 10"):
        read("[" * 100_000, values=10**6)


def test_the_number_of_values_is_limited():
    assert read(json.dumps([0] * 998))
    with pytest.raises(FormatError, match="over 1,000 values"):
        read(json.dumps([0] * 1000))


def test_structure_inside_strings_does_not_count():
    text = '[]{},"\\' * 1000
    assert read(json.dumps([text, {text: 1}])) == [text, {text: 1}]


@pytest.mark.parametrize("hostile", ['"' * 100_001, '"\\' * 50_000, '\\"' * 50_000, '"' + '\\"' * 50_000 + "\\"])
def test_quotes_without_end_are_refused_in_linear_time(hostile):
    with pytest.raises(FormatError):
        read("[[[[[[[[[[[" + hostile)
