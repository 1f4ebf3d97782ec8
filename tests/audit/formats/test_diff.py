from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from leyden.audit.formats.diff import diff

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"


def shown(before: bytes, after: bytes, path: str = "a.py") -> list[str]:
    return list(diff(path, before, after))


def test_it_names_the_file_and_shows_three_lines_around():
    lines = [b"%d" % number for number in range(9)]
    after = [*lines[:4], b"x", *lines[5:]]
    assert shown(b"\n".join(lines) + b"\n", b"\n".join(after) + b"\n", "a\x1b.py") == [
        "--- a\\x1b.py", "+++ a\\x1b.py", "@@ -2,7 +2,7 @@", " 1", " 2", " 3", "-4", "+x", " 5", " 6", " 7",
    ]  # fmt: skip


def test_line_ends_and_marks_of_the_encoding_are_not_shown():
    assert shown(b"\xef\xbb\xbfa\r\nb\r\n", b"\xef\xbb\xbfc\r\nb\r\n")[3:] == ["-a", "+c", " b"]


def test_a_last_line_that_does_not_end_says_so():
    assert shown(b"a", b"b")[3:] == ["-a\\ no line end after this", "+b\\ no line end after this"]


def test_secrets_are_hidden_also_where_they_go_over_many_lines():
    before = f'a = 1\npassword = "hunter2-Xy7qpt"\nkey = """{KEY}"""\nb = 2\n'.encode()
    text = "\n".join(shown(before, before.replace(b"b = 2", b"b = 3")))
    assert "+b = 3" in text
    assert not any(secret in text for secret in ("hunter2", "MIIEow", "IBAAKC"))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.binary(max_size=60), st.binary(max_size=60), st.text(max_size=10))
def test_no_text_reaches_a_terminal_as_a_command(before, after, path):
    assert all(line.isprintable() for line in shown(before, after, path))
