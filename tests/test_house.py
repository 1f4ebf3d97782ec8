"""What holds for every file of the package, whoever wrote it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "leyden"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 500

# A module that turns bytes into objects by calling what the bytes name, and the wrappers around it.
UNPICKLERS = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle", "copyreg"}
RUNNERS = {"eval", "exec", "compile", "__import__"}
LOADERS = {
    "torch.load",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "numpy.load",
    "np.load",
    "os.system",
    "os.popen",
}
BROAD = {"Exception", "BaseException"}


def fresh_python(code: str) -> str:
    """What a new interpreter prints, with warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}
    ).stdout


def dotted(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""


def smells(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and description of everything that could run what a file says, or hide that something failed."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"import {a.name}") for a in names if a.name.partition(".")[0] in UNPICKLERS)
            case ast.ImportFrom(module=str(module)):
                if module.partition(".")[0] in UNPICKLERS:
                    yield node.lineno, f"from {module} import"
                for alias in node.names:
                    if f"{module}.{alias.name}" in LOADERS:
                        yield node.lineno, f"from {module} import {alias.name}"
            case ast.Call(func=func):
                if dotted(func) in RUNNERS | LOADERS:
                    yield node.lineno, f"{dotted(func)}("
                if any(k.arg == "shell" and not is_false(k.value) for k in node.keywords):
                    yield node.lineno, "shell="
            case ast.ExceptHandler(type=None):
                yield node.lineno, "except:"
            case ast.ExceptHandler(type=ast.expr() as caught):
                kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
                if any(dotted(kind) in BROAD for kind in kinds) and not reraises(node):
                    yield node.lineno, f"except {ast.unparse(caught)}"


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def reraises(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from cloudpickle import loads",
        "from torch import load",
        "eval('1')",
        "torch.load(path, weights_only=True)",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "subprocess.run(command, shell=True)",
        "try: work()\nexcept: pass",
        "try: work()\nexcept Exception as error: log(error)",
        "try: work()\nexcept (OSError, BaseException): raise SystemExit",
    ],
)
def test_the_search_for_forbidden_code_finds(line):
    assert list(smells(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "re.compile('x')",
        "yaml.safe_load(text)",
        "model.eval()",
        "subprocess.run(command, shell=False)",
        "try: work()\nexcept OSError: pass",
        "try: work()\nexcept BaseException:\n    tidy()\n    raise",
    ],
)
def test_the_search_for_forbidden_code_passes_over(line):
    assert not list(smells(ast.parse(line)))


def test_no_file_can_run_what_it_reads_or_swallow_every_error():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in FILES
        for line, what in smells(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_no_file_is_too_long_to_read():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_importing_leyden_brings_the_standard_library_alone():
    modules = fresh_python("import sys; before = set(sys.modules); import leyden; print(*set(sys.modules) - before)")
    assert {name.partition(".")[0] for name in modules.split()} - {"leyden"} <= sys.stdlib_module_names
    assert len(modules.split()) <= 50


def test_public_names_resolve_and_bring_only_hard_dependencies():
    """The import budget as a count: what resolving every public name loads beyond torch itself."""
    code = """
import sys, torch
before = set(sys.modules)
import leyden
print(*(name for name in leyden.__all__ if getattr(leyden, name, None) is None))
print(*set(sys.modules) - before)
"""
    unresolved, listed = fresh_python(code).splitlines()
    assert unresolved == ""
    modules = [name for name in listed.split() if not re.match(r"leyden|torch|_?cython_", name)]
    hard = {"safetensors", "cryptography", "packaging", "tqdm", "yaml", "typing_extensions"}
    hard |= {"_cffi_backend", "_openssl"}  # cryptography's
    assert {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - hard == set()
    assert len(modules) <= 150


def test_numpy_is_not_needed():
    code = """
import sys, warnings
sys.modules["numpy"] = None
warnings.simplefilter("ignore")  # torch's own warning that numpy is missing
import leyden
assert all(getattr(leyden, name) for name in leyden.__all__)
import leyden.checkpoint.load, leyden.checkpoint.save, leyden.demo.job
print("here")
"""
    assert fresh_python(code) == "here\n"


def test_the_layers_name_every_part_of_the_package():
    """import-linter checks the order; this keeps a misspelt layer from checking nothing."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^layers = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert block is not None
    layers = set(re.findall(r"[a-z_]+", block[1]))
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert parts - {"__init__"} <= layers


def test_environment_locks_are_hashed_and_name_no_host():
    for lock in (ROOT / "requirements" / "run.txt", ROOT / "requirements" / "dev.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        pins = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("#")]
        assert len(pins) > 10
        assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []
