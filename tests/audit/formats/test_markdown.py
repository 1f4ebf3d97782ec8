from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from leyden.audit.formats.markdown import argument, block, code, prose
from leyden.audit.formats.plain import printable

ANY = st.text(st.sampled_from("`*_[]()<>!#&|~\\$ -+=:\n\t\x1bé😀a1") | st.characters(), max_size=30)


def tokens(text: str):
    (paragraph,) = [token for token in MarkdownIt("commonmark").parse(text) if token.type == "inline"]
    return paragraph.children


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ANY)
def test_any_text_is_code_that_says_the_same(text):
    (shown,) = tokens(f"x{code(text)}")[1:]
    assert shown.type == "code_inline"
    assert shown.content.strip() == printable(text).strip()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ANY)
def test_any_text_in_a_sentence_is_text_and_code_alone(text):
    assert {token.type for token in tokens(f"x {prose(text)} x")} <= {"text", "code_inline"}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(ANY, min_size=1, max_size=5))
def test_no_line_ends_a_block(lines):
    (fence,) = MarkdownIt("commonmark").parse(block(lines, "sh"))
    assert fence.content.splitlines() == [printable(line) for line in lines]


def test_a_shell_reads_every_name_as_it_is():
    names = ["a b", "it's", "$(x)", "a\nb", "-rf", "é\x1b", "\udcff'\\", "`x`", "*"]
    command = "printf '%s\\0' " + " ".join(map(argument, names))
    shown = subprocess.run(["bash", "-c", command], check=True, capture_output=True).stdout
    expected = [name.encode("utf-8", "surrogateescape") for name in names]
    expected[4] = b"./-rf"
    assert shown.split(b"\0")[:-1] == expected
