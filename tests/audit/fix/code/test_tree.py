"""Formatting and comments survive, byte for byte, outside of what is changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.fix.code.editing import NEW, edited, mended

from leyden.audit.code.text import UnparsedError
from leyden.audit.finding import Limits
from leyden.audit.fix.code.edits import UnfitError
from leyden.audit.fix.code.mending import Program

ADDED = b"weights_only=True"
# «» marks where the argument comes to stand, with what it brings along.
LAYOUTS = [
    "torch.load(path«, weights_only=True»)",
    "torch.load( path«, weights_only=True» )",
    "torch.load(path,« weights_only=True,»)",
    "torch.load(\n    path«,\n    weights_only=True»)",
    "torch.load(\n    path«,\n    weights_only=True»\n)",
    "torch.load(\n    path,\n«    weights_only=True,\n»)",
    "torch.load(\n\tpath,  # which\n«\tweights_only=True,\n»)",
    "torch.load(\n    path«,»  # which\n«    weights_only=True\n»)",
    "torch.load(\n    path,\n    # what it is for\n    mmap=True,  # fast\n«    weights_only=True,\n»)",
    "torch.load(path,\n           mmap=True«,\n           weights_only=True»)",
    "torch.load(path, \\\n    mmap = True«, weights_only=True»)",
    "torch.load(paths[0], **{'mmap': True}«, weights_only=True»)",
    "model = (torch . load (path«, weights_only=True») ) ['a'] # why",
    "f'{torch.load(path«, weights_only=True»)!r:>{width}} {{}}'",
    "if (state := torch.load(path«, weights_only=True»)): pass",
    "@torch.load(path«, weights_only=True»)\ndef f(): ...",
    "x = 1; torch.load(path«, weights_only=True»); y = 2;",
    "async def f():\n  return [await g(torch.load(p«, weights_only=True»)) async for p in q]",
    "match torch.load(path«, weights_only=True»):\n    case {'a': [1, *_]}: ...",
    "def f(a, /, *, b: 'int' = 1) -> (None):\n\n\tglobal c\n\tc = lambda *, d=2: torch.load(a«, weights_only=True»)",
    "é = '😀'; torch.load(é, '😀'«, weights_only=True»)",
    "torch.load(torch.load(path«, weights_only=True»)«, weights_only=True»)",
    "'''\n  text\n'''; torch.load('''a\n  b'''«, weights_only=True»)",
]  # fmt: skip


def written(layout: str) -> tuple[bytes, bytes]:
    """A layout before and after."""
    before, inside = [], False
    for part in layout.replace("»", "«").split("«"):
        before += [] if inside else [part]
        inside = not inside
    return "".join(before).encode(), layout.replace("«", "").replace("»", "").encode()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_argument_is_added_in_the_layout_that_is_there(layout):
    before, after = written(layout)
    assert edited(b"import torch\n" + before) == b"import torch\n" + after


LAYOUT = st.sampled_from([layout for layout in LAYOUTS if "\\\n" not in layout])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(LAYOUT, min_size=1, max_size=4), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_line_ends_marks_and_the_end_of_a_file_stay(layouts, end, mark, final):
    source, target = (
        (b"\xef\xbb\xbf" if mark else b"")
        + (b"# -*- coding: utf-8 -*-\nimport torch  # first\n\x0c\n" + b"\n\n".join(parts)).replace(b"\n", end.encode())
        + (end.encode() if final else b"")
        for parts in zip(*map(written, layouts), strict=True)
    )
    assert edited(source) == target
    assert mended(target)[1] == []


def test_the_encoding_that_a_program_declares_is_kept():
    before = "# coding: latin-1\nimport torch\nname = 'café'\ntorch.load('é')  # été\n".encode("latin-1")
    assert edited(before) == before.replace(b"('\xe9')", b"('\xe9', weights_only=True)")


def test_what_changes_is_told_in_any_encoding():
    before = "# coding: latin-1\nimport torch\ntorch.load('ééé', weights_only=False)\n".encode("latin-1")
    program, (change,) = mended(before)
    assert change.text == "`False` becomes `True`"
    assert program.edited([change]) == before.replace(b"False", b"True")


DROPS = [
    ("np.load(p, allow_pickle=True)", "np.load(p)"),
    ("np.load(allow_pickle=True, file=p)", "np.load(file=p)"),
    ("np.load(p,\n        allow_pickle=True,\n        mmap_mode=None)", "np.load(p,\n        mmap_mode=None)"),
    ("np.load(\n    p,  # which\n    mmap_mode=None,\n    allow_pickle=True,\n)",
     "np.load(\n    p,  # which\n    mmap_mode=None,\n)"),
    ("np.load(\n    p,\n    allow_pickle=True\n)", "np.load(\n    p\n)"),
    ("np.load(p, allow_pickle=True,)", "np.load(p,)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), DROPS)
def test_an_argument_is_left_out_with_its_comma(before, after):
    assert edited(f"import numpy as np\n{before}\n").decode() == f"import numpy as np\n{after}\n"


@pytest.mark.parametrize(
    "call",
    [
        "np.load(\n    p,  # which\n    allow_pickle=True,\n)",
        "np.load(\n    p,\n    allow_pickle=True,  # we need it\n)",
        "np.load(\n    p,\n    allow_pickle=True  # we need it\n)",
    ],
)
def test_no_comment_goes_away_with_an_argument(call):
    with pytest.raises(UnfitError, match="comment"):
        edited(f"import numpy as np\n{call}")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"import torch\nprint 'x'\ntorch.load(p)", "Missing parentheses"),
        (b"import torch\n" + b"x = " + b"not " * 200 + b"torch.load(p)", "nested too deep"),
        (b"import torch\ntorch.load(p); x = '" + b"x" * 3_000 + b"'", "too long to be shown"),
        (b"import torch\rtorch.load(p)\r", "not write it again"),
        (b"import torch\ndef f():\n  return* [torch.load(p)]", "libcst does not parse it"),
        (b"import torch\nasync def f():\n  [torch.load(p) async\n   for p in q]", "libcst does not parse it"),
        (b"import torch\ntorch.load(p)\n" + b"#" * (256 << 10), "longer than"),
    ],
)
def test_a_program_that_cannot_be_edited_is_left_with_the_reason(source, reason):
    def edit():
        program = Program("train.py", source, Limits(), NEW)
        return program.edited(mended(source)[1])

    with pytest.raises(UnfitError, match=reason):
        edit()


ODD = st.sampled_from(
    [
        "\x0c",
        "\t",
        "\r",
        "\\\n",
        "\ufeff",
        "\u2028",
        "\0",
        "(",
        ")",
        "#",
        "'",
        '"""',
        "f'",
        "{",
        ":=",
        "* ",
        "é",
        "\n",
        " ",
    ]
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(LAYOUT, ODD, st.integers(0, 100))
def test_an_odd_program_is_left_or_gets_the_argument_and_nothing_else(layout, odd, place):
    before = written(layout)[0].decode()
    place = min(place, len(before))
    source = f"import torch\n{before[:place]}{odd}{before[place:]}".encode()
    try:
        after = edited(source)
    except (UnfitError, UnparsedError):
        return
    assert plain(after.replace(ADDED, b"")) == plain(source)


def plain(source: bytes) -> bytes:
    """Without what comes along with an argument."""
    return source.translate(None, b" \t\r\n\\,")
