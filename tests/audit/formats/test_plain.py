from __future__ import annotations

import pytest
from tests.audit.reports import HOSTILE

from leyden.audit.finding import Place
from leyden.audit.formats.plain import amount, plural, printable, printable_lines, where


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("models/größe 模型.pt", "models/größe 模型.pt"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\r\tc\x7f\x9b", "a\\nb\\r\\tc\\x7f\\x9b"),
        ("abc\u202egnp.exe\u2066\u200b", "abc\\u202egnp.exe\\u2066\\u200b"),
        ("\udcff\ud800\u2028\u00a0\U000e0041", "\\xff\\ud800\\u2028\\xa0\\U000e0041"),
    ],
)
def test_what_is_not_plainly_visible_is_escaped(text, shown):
    assert printable(text) == shown


def test_printable_text_stays_so():
    assert printable(HOSTILE).isprintable()
    assert all(line.isprintable() for line in printable_lines(HOSTILE))


def test_a_snippet_keeps_its_lines_and_its_indentation():
    assert printable_lines("if x:\n\tos.system(\x1b)") == ["if x:", "    os.system(\\x1b)"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (Place("a.py"), "a.py"),
        (Place("a.py").at_line(3), "a.py:3"),
        (Place("a.py").at_line(3, 7), "a.py:3:7"),
        (Place("a.pt", ("x/data.pkl",)).at_byte(1234), "a.pt › x/data.pkl, byte 1,234"),
        (Place("a\nb"), "a\\nb"),
    ],
)
def test_a_place_is_said_in_words(place, said):
    assert where(place) == said


def test_numbers_are_said_as_people_do():
    assert [plural(1, "file"), plural(1234, "file")] == ["1 file", "1,234 files"]
    assert [amount(1), amount(2048), amount(3 << 20), amount(5 << 30)] == ["1 byte", "2.0 KiB", "3.0 MiB", "5.0 GiB"]
