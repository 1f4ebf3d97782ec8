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
TEXT = PAGE.read_text()
ROW = re.compile(r"\| ([^|]+) \| (yes|partly|not yet) \| ([^|]*) ?\|")
LINK = re.compile(r"\[`(\w+)`\]\(([^)]+)\)")

# What has to have a row: the promises, and what each class of threats asks for, by words of its row.
REQUIRED = {
    "The six promises": "run no code, outside the run's directory, not invited, saved is what is loaded, loop costs, "
    "Lightning program",
    "a. Authentication": "One machine, Several machines, ask for their token",
    "b. Access to data": "private to their owner, follows no link, then renamed, dead process, may be deleted, "
    "metrics and templates, nobody named, remote",
    "c. Settings": "never loosen, sets an argument, YAML, invalid combination, class path, No shell",
    "d. Validation of inputs": "JSON with a schema, is imported, restored from no file, Limits count, "
    "Shapes and dtypes, States of callbacks, Pickles are interpreted, not finite, declared contract",
    "e. Exchange of data": "unpickled, weights_only=False, never tried again, between ranks",
    "f. Manipulation of models": "has a digest, is sealed, names its run, revoked, rolled-back, signed for others",
    "g. Secrets and intellectual property": "`Secret`, loggers, looks like a secret, private key, are relative, "
    "Encryption at rest, never plain, export, sandbox",
    "h. Supply chain": "at import, locked by hash, entry point, records the packages, bad release",
}

# What runs code that is data, by the names under which it can be called.
UNPICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
EVALUATES = {"eval", "exec", "compile", "__import__"}
LISTENS = {"socket", "socketserver", "http.server", "xmlrpc", "multiprocessing.connection", "asyncio"}


def sections(text: str) -> dict[str, list[str]]:
    """The lines of the tables under each heading."""
    found: dict[str, list[str]] = {}
    for part in text.split("\n## ")[1:]:
        heading, *lines = part.splitlines()
        found[heading] = [line for line in lines if re.match(r"\| (?!---|promise|requirement)", line)]
    return found


def problems(text: str) -> list[str]:
    """What is wrong with the page: rows that are missing or cannot be read, tests that are missing or do not exist."""
    found, rows = [], sections(text)
    for heading, required in REQUIRED.items():
        for words in required.split(", "):
            if not any(words.lower() in line.split("|")[1].lower() for line in rows.get(heading, [])):
                found.append(f"{heading}: no row has the words {words!r}")
    for line in (line for lines in rows.values() for line in lines):
        row = ROW.fullmatch(line)
        if row is None:
            found.append(f"cannot be read: {line}")
            continue
        links = LINK.findall(row[3])
        if bool(links) != (row[2] != "not yet"):
            found.append(f"{row[1]}: {row[2]}, with {len(links)} tests")
        found += [f"{row[1]}: {target} has no {name}" for name, target in links if not is_there(name, target)]
    return found


def is_there(name: str, target: str) -> bool:
    file = (PAGE.parent / target).resolve()
    if not file.is_file() or not file.is_relative_to(ROOT / "tests"):
        return False
    return (
        re.search(r"^ *def test_" if name == "tests" else rf"^ *def {name}\(", file.read_text(), re.MULTILINE)
        is not None
    )


def test_every_promise_and_requirement_has_a_row_that_names_tests_that_exist():
    assert problems(TEXT) == []


SAMPLE = next(line for line in TEXT.splitlines() if "Every tensor has a digest" in line)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "no row has the words 'has a digest'"),
        (SAMPLE.replace("| yes |", "| no |"), "cannot be read"),
        (SAMPLE.replace("| yes |", "| not yet |"), "not yet, with 2 tests"),
        (SAMPLE.split("| yes |")[0] + "| yes | |", "yes, with 0 tests"),
        (SAMPLE.split("| yes |")[0] + "| partly | |", "partly, with 0 tests"),
        (SAMPLE.replace("no_bit_of_a_file", "no_bit_of_a_filo"), "has no test_no_bit_of_a_filo"),
        (SAMPLE.replace("test_envelope.py", "test_envelop.py"), r"test_envelop\.py has no test_no_bit"),
        (SAMPLE.replace("../tests/wire/test_envelope.py", "../src/leyden/errors.py"), "has no test_no_bit"),
    ],
    ids=["no row", "no status", "tests for nothing", "no tests", "no tests for a part", "no test", "no file", "code"],
)
def test_the_page_would_be_refused_for(line, problem):
    assert re.search(problem, "\n".join(problems(TEXT.replace(SAMPLE, line))))


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


def test_no_part_of_the_package_loads_entry_points():
    found = []
    for path, tree in modules():
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | imported(tree)
        found += [f"{path}: {name}" for name in names if "entry_points" in name or name.startswith("pkg_resources")]
    assert found == []


def test_no_part_of_the_package_opens_a_socket_but_the_one_that_reads_over_https():
    found = {(path.as_posix(), name) for path, tree in modules() for name in imported(tree) & LISTENS}
    assert found == {("security/https.py", "socket")}


def test_no_part_of_the_package_listens():
    found = []
    for path, tree in modules():
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(attr="listen" | "bind" | "create_server" | "start_server")):
                    found.append(f"{path}:{node.lineno}")
                case _:
                    pass
    assert found == []
