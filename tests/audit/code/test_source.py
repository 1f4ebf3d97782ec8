"""Which files are code, where their findings stand, and what cannot be looked at."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.audit.code.programs import found, rules

from leyden.audit.code.inspection import MEMBERS, inspect
from leyden.audit.code.scopes import scoped
from leyden.audit.code.text import LARGEST, parsed
from leyden.audit.code.versions import Versions
from leyden.audit.finding import Budget, File, LimitError, Limits, Place

LOAD = "import torch\ntorch.load(path, weights_only=False)\n"


def notebook(*cells: str | list[str], **more: object) -> bytes:
    listed = [{"cell_type": "code", "source": cell, "outputs": [], "metadata": {}} for cell in cells]
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "#"}, *listed]} | more).encode()


@pytest.mark.parametrize("name", ["a.py", "A.PY", "a.pyw"])
def test_python_is_known_by_its_name(name):
    assert rules(LOAD, name) == ["LEY201"]


def test_a_script_is_known_by_its_first_line():
    assert rules("#!/usr/bin/env python3\n" + LOAD, "bin/train") == ["LEY201"]
    assert rules(LOAD, "train") == []


def test_a_stub_is_never_run_so_it_has_no_findings():
    assert rules(LOAD, "a.pyi") == []


def test_a_finding_stands_at_its_call():
    (finding,) = found("import torch\n\nx = [\n  torch.load(\n    path,\n    weights_only=False)]\n")
    assert (finding.place.line, finding.place.column, finding.place.last_line) == (4, 3, 6)
    assert finding.snippet == "torch.load("


def test_cells_of_a_notebook_share_their_names_and_lines_count_within_a_cell():
    (finding,) = found(
        notebook("import torch\n", ["%matplotlib inline\n", "!pip list\n", "torch.load(p, weights_only=False)"]),
        "a.ipynb",
    )
    assert (finding.rule, finding.place.inside, finding.place.line) == ("LEY201", ("cell 3",), 3)
    assert finding.snippet == "torch.load(p, weights_only=False)"


def test_words_at_the_beginning_of_a_line_of_a_notebook_are_seen():
    assert rules(notebook("%x\nfrom torch import *\nload(p, weights_only=False)"), "a.ipynb") == ["LEY201"]


def test_the_older_form_of_notebooks_is_read():
    old = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": LOAD}]}]}
    assert rules(json.dumps(old), "a.ipynb") == ["LEY201"]


def test_a_cell_in_another_language_is_left_alone_and_a_timed_one_is_not():
    assert rules(notebook("%%bash\nrm -rf x; import torch"), "a.ipynb") == []
    assert rules(notebook("%%time\n" + LOAD), "a.ipynb") == ["LEY201"]
    assert rules(notebook("import torch\nx = ('%s'\n  % torch.load(p, weights_only=False))"), "a.ipynb") == ["LEY201"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (LOAD + "print 'x'\n", "a.py"),
        ("import torch\nif x:\n\ttorch.load(p)\n        y\n", "a.py"),
        (LOAD + "(" * 5_000, "a.py"),
        (LOAD + "-" * 200_000 + "1", "a.py"),
        (b"# coding: nothing\nimport torch\n", "a.py"),
        (b"import torch\n\0", "a.py"),
        (LOAD.encode("utf-16"), "a.py"),
        (LOAD.encode("utf-16-le"), "a.py"),
        (b"import torch\n\xff\xfe", "a.py"),
        ("{torch", "a.ipynb"),
        ("[1]  # torch", "a.ipynb"),
        ('{"cells": 5, "torch": 1}', "a.ipynb"),
        ('{"cells": [{"cell_type": "code", "source": 7}], "torch": 1}', "a.ipynb"),
        ('{"torch": ' * 50_000, "a.ipynb"),
        (notebook(LOAD + "this is no python"), "a.ipynb"),
    ],
)
def test_what_cannot_be_parsed_is_one_blind_finding(text, name):
    (finding,) = found(text, name)
    assert (finding.rule, finding.blind) == ("LEY200", True)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_other_encodings_are_read_as_python_reads_them(encoding):
    text = f"# coding: {encoding}\n# ä\n" + LOAD
    told = rules(text.encode(encoding))
    assert told == (["LEY200"] if encoding == "utf-16" else ["LEY201"])


def test_a_name_in_other_letters_is_the_same_name():
    assert rules("import torch\ntorch.ｌｏａｄ(p, weights_only=False)") == ["LEY201"]


def test_code_beyond_the_limits_costs_no_more_than_them():
    with pytest.raises(LimitError):
        found("import torch\n" + "x = 1\n" * (LARGEST // 6 + 1))
    slow = Budget(Limits(seconds=0))
    with pytest.raises(LimitError):
        scoped(
            parsed(
                File(Place("a.py"), memoryview(b"import torch\n" + b"x = y\n" * 2_000), Budget()), lambda _: True
            ).tree,
            "a",
            slow,
        )


def test_functions_inside_functions_without_end_are_too_deep():
    text = LOAD + "lambda: (" * 70 + "0" + ")" * 70
    with pytest.raises(RecursionError):
        found(text)


def test_a_secret_is_not_repeated_in_the_report():
    (finding,) = found("import torch\nconnect('db', password='hunter2-Xy7qpt')")
    assert finding.rule == "LEY264"
    assert "hunter2" not in repr(finding)
    assert finding.snippet == "connect('db', password='…')"


def test_the_quick_look_before_parsing_passes_over_nothing():
    """The package, its tests, and programs that are found are told the same with it and without it."""
    root = Path(__file__).resolve().parents[3]
    differing = []
    for path in [*(root / "src").rglob("*.py"), *(root / "tests" / "compat").rglob("*.py")]:
        data = path.read_bytes()
        file = File(Place(str(path)), memoryview(data), Budget())
        unit = parsed(file, lambda _: True)
        hits = inspect(scoped(unit.tree, path.stem, Budget(), MEMBERS), Versions())
        whole = {(hit.rule.id, at.lineno) for at, hit in hits}
        if {(finding.rule, finding.place.line) for finding in found(data, str(path))} != whole:
            differing.append(path.name)
    assert differing == []


def test_an_audit_of_models_alone_parses_no_python():
    program = (
        "import sys; from leyden.audit.sources import SOURCES; sys.exit('leyden.audit.code.inspection' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    "program",
    [
        "passw" * 40_000,
        ("key" + " " * 1000) * 200,
        "key" + "']" * 100_000,
        "import torch\n" + "x=x.a\n" * 20_000 + "torch.load(x)\n",
        "import os\nx = x + 'a'\nos.system(x)\nopen(x)\n",
        "import os\nos.system(" + "+".join(["a"] * 900) + ")\n",
        "import os\n" + "".join(f"x{i + 1}=x{i}+x{i}\n" for i in range(3000)) + "os.system(x3000)\n",
        "import torch\ntorch.load(" + "'a'+" * 900 + "'b')\n",
        "import os\nx0='a'\n"
        + "".join(f"x{i + 1}=f'" + f"{{x{i}}}" * 100 + "'\n" for i in range(100))
        + "os.system(x100)",
        "import os\n"
        + "".join(f"def f{i}(): return f{i + 1}() or f{i + 1}()\n" for i in range(3000))
        + "os.system(f0())",
        "import os\n"
        + "".join(f"class C{i + 5}({','.join(f'C{i + k}' for k in range(5))}): ...\n" for i in range(300))
        + "class D(C300):\n def f(self):\n"
        + "  self.x()\n" * 20_000,
        "import os\n"
        + "".join(f"def f{i}(x): f{i + 1}(x); f{i + 1}(x + x); f{i}(x)\n" for i in range(1_000))
        + "def f1000(x): os.system(x)\nf0(y)",
        "import os\ndef f(x): os.system(x)\n" + "f(os.environ['a'])\n" * 10_000,
        "import os\nx = [" + "os.system," * 5_000 + "]\n" + "x[0](y)\n" * 5_000,
    ],
    ids=[
        "words",
        "spaces",
        "brackets",
        "bindings",
        "itself",
        "sum",
        "doubling",
        "texts",
        "formats",
        "functions",
        "bases",
        "given",
        "given often",
        "list",
    ],
)
def test_a_program_written_to_be_slow_is_read_in_time(program):
    started = time.process_time()
    found(program)
    assert time.process_time() - started < 5


def test_a_notebook_written_to_be_slow_is_read_in_time():
    started = time.process_time()
    for tail in (" " * 200_000, "a, " * 60_000, "a." * 100_000 + "\n"):
        found(notebook("import torch\n%x\n" + tail).decode(), "a.ipynb")
    assert time.process_time() - started < 5
