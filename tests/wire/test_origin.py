from __future__ import annotations

import json
from dataclasses import replace

import pytest

from leyden.errors import FormatError
from leyden.wire.origin import Origin, dumps, loads

ORIGIN = Origin(
    run="ab" * 16,
    number=3,
    parent="cd" * 32,
    time="2026-11-22T23:00:00.000+00:00",
    step=120,
    epoch=2,
    configuration=None,
    code="ef" * 20,
    data=None,
    packages={"torch": ("2.13.0", "01" * 32), "odd": ("1", None)},
)


@pytest.mark.parametrize("origin", [ORIGIN, replace(ORIGIN, parent=None, packages=None, code=None)])
def test_an_origin_comes_back_as_it_was(origin):
    assert loads(dumps(origin), "a.ckpt") == origin


@pytest.mark.parametrize(
    "change",
    [
        {"run": "../../etc"},
        {"run": "ab"},
        {"number": -1},
        {"number": 1.5},
        {"step": 1 << 60},
        {"parent": "xyz"},
        {"packages": {"torch": "2.13"}},
        {"packages": {"torch": [1, None]}},
        {"packages": []},
        {"packages": {"torch": ["2.13", "xyz"]}},
        {"packages": {"torch": ["2.13\x1b[31m", None]}},
        {"packages": {"t" * 201: ["2.13", None]}},
        {"number": True},
        {"time": "\x1b[31m2026"},
        {"time": "2" * 41},
        {"code": "a\nb"},
        {"more": 1},
        {"time": None},
    ],
    ids=str,
)
def test_a_malformed_origin_is_refused(change):
    text = json.dumps({**json.loads(dumps(ORIGIN)), **change})
    with pytest.raises(FormatError, match=r"a\.ckpt: what it says of"):
        loads(text, "a.ckpt")


def test_text_that_is_no_json_is_refused():
    with pytest.raises(FormatError, match="is not JSON"):
        loads("{", "a.ckpt")
