"""What commands install."""

from __future__ import annotations

import json
import time

import pytest
from tests.audit.dependencies.looked import looked, rules, told

from leyden.audit.finding import Severity


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Dockerfile", "FROM x\nRUN pip install torch==2.5.1\n"),
        ("docker/train.Dockerfile", 'FROM x\nRUN python3 -m pip --quiet install -U "torch<2.6" numpy\n'),
        ("run.sh", "set -e\ncd x && pip3 install --no-cache-dir 'torch==2.5.1' > log\n"),
        ("run.sh", "\nuv pip install \\\n  numpy \\\n  torch==2.5.1\n"),
        (
            ".github/workflows/ci.yml",
            "jobs:\n  - run: pip install -i https://x.org/simple torch==2.5.1 ${{ matrix.x }}\n",
        ),
        (
            "Makefile",
            "setup:\n\tpip install torch==2.5.1+cu121 -f https://download.pytorch.org/whl/torch_stable.html\n",
        ),
    ],
)
def test_a_bad_release_is_found_on_the_line_of_its_command(name, text):
    assert [line for line, _ in told(text, name, "LEY404")] == [2]


def test_what_the_cells_of_a_notebook_install_is_found_in_its_cell():
    cells = [
        {"cell_type": "markdown", "source": "pip install torch==2.5.1"},
        {"cell_type": "code", "source": ["import os\n", "!pip install -q 'torch==2.5.1' numpy\n"]},
        {"cell_type": "code", "source": "%pip install lightning==2.6.6\n# pip install torch==2.5.1"},
    ]
    found = [one for one in looked(json.dumps({"cells": cells}), "a.ipynb") if one.rule == "LEY404"]
    assert [(one.place.inside, one.place.line) for one in found] == [(("cell 2",), 2)]


@pytest.mark.parametrize(
    "text", ['["pip install torch==2.5.1', '{"cells": 3, "x": "pip install torch==2.5.1"}', "[" * 99_999]
)
def test_what_is_no_notebook_is_left_to_the_auditor_of_code(text):
    assert looked(text + " pip install x", "a.ipynb") == []


@pytest.mark.parametrize(
    "line",
    [
        "# pip install torch==2.5.1",
        "pip install torch==2.13.0 lightning>=2.6.6",
        "pip install torch==$VERSION ${{ matrix.torch }} torch==${{ matrix.version }} $(cat needs)",
        "pip install -r requirements.txt -e .[dev] . --upgrade pip",
        "pip download torch==2.5.1 # pip install",
        "echo installed",
    ],
)
def test_a_command_that_asks_for_nothing_bad(line):
    assert rules(f"{line}\n", "run.sh") == set()


def test_names_and_references_count_and_what_belongs_in_a_file_does_not():
    text = "pip install tranformers git+https://github.com/o/t http://x.org/t.whl\n"
    found = {one.rule: one.severity for one in looked(text, "run.sh")}
    assert found == {"LEY411": Severity.MEDIUM, "LEY412": Severity.HIGH}


@pytest.mark.parametrize(
    ("options", "severity"),
    [
        ("--extra-index-url https://packages.example.org/simple", [Severity.MEDIUM]),
        ("--extra-index-url=https://download.pytorch.org/whl/cpu", [Severity.INFO]),
        ("--extra-index-url=$INDEX", []),
        ("--index-strategy unsafe-best-match", [Severity.MEDIUM]),
    ],
)
def test_a_second_index(options, severity):
    text = f"pip install numpy\npip install {options} ours\n"
    assert [one.severity for one in looked(text, "run.sh") if one.rule == "LEY408"] == severity


@pytest.mark.parametrize(
    "text", ["pip install " + '"' * 100_000, "pip install " + "a " * 100_000, "pip " * 100_000 + "install "]
)
def test_odd_commands_cost_little(text):
    started = time.monotonic()
    looked(text, "run.sh")
    assert time.monotonic() - started < 10


def test_other_files_with_the_words_are_left_alone():
    assert rules("pip install torch==2.5.1\n", "README.md") == set()
