import codecs

import pytest

from leyden.errors import FormatError
from leyden.wire.pickle.texts import unescaped


@pytest.mark.parametrize(
    "text",
    [b"plain", rb"a\nb", rb"\x41", rb"\101\7\60", rb"\\", rb"\'", b"a\\\nb", rb"\377", rb"\0008"],
)  # fmt: skip
def test_escapes_are_read_as_python_reads_them(text):
    assert unescaped(text) == codecs.escape_decode(text)[0]


@pytest.mark.parametrize("text", [rb"\8\9", rb"\q", rb"\-"])
def test_what_is_no_escape_stays_as_it_is(text):
    assert unescaped(text) == text


@pytest.mark.parametrize("text", [rb"\x4", rb"\xg1", rb"\x"])
def test_an_escape_that_is_not_complete_is_refused(text):
    with pytest.raises(FormatError, match="not complete"):
        unescaped(text)
