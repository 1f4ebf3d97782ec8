"""docs/threats.md says which promise is kept and which tests would notice; these tests hold it against the code."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "threats.md"
PACKAGE = ROOT / "src" / "leyden"
ROW = re.compile(r"\| ([^|]+) \| (yes|partly|not yet) \| ([^|]*) ?\|")
LINK = re.compile(r"\[`(\w+)`\]\(([^)]+)\)")
ROWS = [
    ROW.fullmatch(line) for line in PAGE.read_text().splitlines() if re.match(r"\| (?!---|promise|requirement)", line)
]

# What runs code that is data, by the names under which it can be called.
UNPICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
EVALUATES = {"eval", "exec", "compile", "__import__"}
LISTENS = {"socket", "socketserver", "http.server", "xmlrpc", "multiprocessing.connection", "asyncio"}


def test_every_row_can_be_read():
    assert len(ROWS) > 30
    assert None not in ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1][:60])
def test_a_row_names_tests_that_exist_or_says_that_there_are_none(row):
    links = LINK.findall(row[3])
    assert bool(links) == (row[2] != "not yet")
    for name, target in links:
        file = (PAGE.parent / target).resolve()
        assert file.is_file(), target
        assert name == "tests" or re.search(rf"^ *def {name}\(", file.read_text(), re.MULTILINE), (
            f"{target} has no {name}"
        )


@functools.cache
def modules() -> list[tuple[Path, ast.Module]]:
    return [(path.relative_to(PACKAGE), ast.parse(path.read_text())) for path in sorted(PACKAGE.rglob("*.py"))]


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names | {name.rpartition(".")[0] for name in names}


def test_no_part_of_the_package_unpickles_or_evaluates():
    found = []
    for path, tree in modules():
        found += [f"{path}: {name}" for name in imported(tree) & UNPICKLES]
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in EVALUATES:
                    found.append(f"{path}:{node.lineno}: {name}")
                case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load")):
                    found.append(f"{path}:{node.lineno}: torch.load")
    assert found == []


def test_no_part_of_the_package_opens_a_socket():
    assert [f"{path}: {name}" for path, tree in modules() for name in imported(tree) & LISTENS] == []
