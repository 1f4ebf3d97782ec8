"""Encodings that are wrong, the syntax of other versions, letters that are no letters, and notebooks of 100 MB."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from tests.audit.code.programs import found, rules

from leyden.audit.finding import LimitError

LOAD = "import torch\ntorch.load(path, weights_only=False)\n"


@pytest.mark.parametrize(
    "data",
    [
        LOAD.encode("utf-8-sig"),
        b"# coding: utf-8\n" + LOAD.encode(),
        b"\xef\xbb\xbf# coding: utf-8\n" + LOAD.encode(),
        b"# -*- coding: latin-1 -*-\n# \xe4\n" + LOAD.encode(),
        b"# vim: set fileencoding=cp1252 :\n# \x80\n" + LOAD.encode(),
        "# coding: euc-jp\n# 日本\n".encode("euc-jp") + LOAD.encode(),
        b"#!/usr/bin/python\n# coding: utf-7\n" + LOAD.replace("torch.l", "torch.+AGw-").encode(),
        LOAD.replace("\n", "\r\n").encode(),
        LOAD.replace("\n", "\r").encode(),
        b"\x0c" + LOAD.replace("\n", "\n\x0c\n").encode(),
    ],
    ids=["bom", "cookie", "both", "latin-1", "cp1252", "euc-jp", "utf-7", "crlf", "cr", "form feed"],
)
def test_what_python_can_read_is_read(data):
    assert rules(data) == ["LEY201"]


@pytest.mark.parametrize(
    "data",
    [
        LOAD.encode("utf-16"),
        LOAD.encode("utf-16-be"),
        LOAD.encode("utf-32"),
        b"# coding: nothing\n" + LOAD.encode(),
        b"# coding: ascii\n# \xe4\n" + LOAD.encode(),
        b"# coding: hex\n" + LOAD.encode(),
        b"\xef\xbb\xbf# coding: latin-1\n" + LOAD.encode(),
        b"x = '\xe4'\n" + LOAD.encode(),
        LOAD.encode() + b"\0",
        b"\0" + LOAD.encode(),
        LOAD.encode() + b"x = '\xed\xa0\x80'\n",
        LOAD.encode() + b"\x1a",
        LOAD.encode() + "x = 1 – 2\n".encode(),
        LOAD.encode() + b"exec 'x'\n",
        LOAD.encode() + b"raise E, 'x'\n",
        LOAD.encode() + b"x = 0777\n",
        LOAD.encode() + b"x = `y`\n",
        LOAD.encode() + b"if x <> y: pass\n",
        LOAD.encode() + b"def f((a, b)): pass\n",
        LOAD.encode() + b"async = 1\n",
    ],
)
def test_what_python_cannot_read_is_said(data):
    (finding,) = found(data)
    assert (finding.rule, finding.blind) == ("LEY200", True)


@pytest.mark.parametrize(
    "text",
    ["try: pass\nexcept A, B: pass", "x = t'{y}'", "type X[T] = list[T]", "def f[T](x: T): ...", 'f"{x["a"]}"'],
)
def test_the_syntax_of_later_versions_is_read_or_it_is_said(text):
    assert rules(LOAD + text) in (["LEY200"], ["LEY201"])


@pytest.mark.parametrize("between", ["\x0c", "\x1c", "\x85", "\u2028", "\x0b"])
def test_lines_are_counted_as_python_counts_them(between):
    (finding,) = found(f"import torch\nx = '''a{between}b'''\ntorch.load(path, weights_only=False)\n")
    assert (finding.place.line, finding.snippet) == (3, "torch.load(path, weights_only=False)")


def test_lines_of_a_cell_are_counted_as_python_counts_them():
    cells = [f"import torch\nx = '''a{between}b'''" for between in "\x0c\u2028"]
    sources = [*cells, "%time\ntorch.load(path, weights_only=False)"]
    data = json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources]})
    (finding,) = found(data, "a.ipynb")
    assert (finding.place.inside, finding.place.line) == (("cell 3",), 2)
    assert finding.snippet == "torch.load(path, weights_only=False)"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
def test_notebooks_are_read_in_every_encoding_of_json(encoding):
    data = json.dumps({"cells": [{"cell_type": "code", "source": LOAD}], "x": "ä"}, ensure_ascii=False)
    assert rules(data.encode(encoding), "a.ipynb") == ["LEY201"]


HUNDRED_MB = """
import json, resource, sys, time
from tests.audit.code.programs import rules
image = {"output_type": "display_data", "data": {"image/png": "A" * 10_000_000}}
cell = {"cell_type": "code", "source": sys.argv[1], "outputs": [image]}
data = json.dumps({"cells": [cell] * 10}).encode()
del image, cell
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.process_time()
print(len(data) > 100_000_000, rules(data, "a.ipynb") == ["LEY201"] * 10, time.process_time() - started < 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_notebook_of_100_mb_is_read_in_time_and_memory():
    told = subprocess.run(
        [sys.executable, "-c", HUNDRED_MB, LOAD], capture_output=True, text=True, check=True
    ).stdout.split()
    assert told[:3] == ["True", "True", "True"]
    assert int(told[3]) < 400_000  # KiB: the text, and what its parts are


def test_a_notebook_with_code_without_end_is_not_parsed():
    cell = {"cell_type": "code", "source": LOAD + "x = 1\n" * 200_000}
    with pytest.raises(LimitError):
        found(json.dumps({"cells": [cell] * 8}), "a.ipynb")


def test_a_notebook_of_very_many_cells_is_read_in_time():
    cells = [{"cell_type": "code", "source": "torch.load(path, weights_only=False)"}] * 5_000
    started = time.process_time()
    told = found(json.dumps({"cells": [{"cell_type": "code", "source": "import torch"}, *cells]}), "a.ipynb")
    assert len(told) == 5_000
    assert told[-1].place.inside == ("cell 5001",)
    assert time.process_time() - started < 5
