"""setup.cfg, the literal parts of setup.py, and pip.conf."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.code.text import UnparsedError, module
from leyden.audit.dependencies import requirements_txt
from leyden.audit.dependencies.declared import Declared, Option, Style, requirement
from leyden.audit.finding import Budget

_SECTION: Final = re.compile(r"\[([^\]]{1,200})\]\s*(?:[#;].*)?")
_KEY: Final = re.compile(r"([A-Za-z0-9_.-]{1,200})\s*[=:]\s*(.*)")
_IN_OPTIONS: Final = frozenset(("install_requires", "setup_requires", "tests_require"))
_ARGUMENTS: Final = frozenset((*_IN_OPTIONS, "extras_require"))
_LARGEST: Final = 1 << 20  # characters of a setup.py
_LISTS: Final = frozenset(("extra-index-url", "trusted-host", "find-links"))


def read_setup_cfg(text: str, budget: Budget) -> Declared:
    declared = Declared(Style.LIBRARY)
    for section, key, value, line in _ini(text, budget):
        inside = section == "options" and key in _IN_OPTIONS
        if not inside and section != "options.extras_require":
            continue
        listed = value if "\n" in value else value.replace(";", "\n")  # setuptools takes either
        read = requirements_txt.read(listed, budget)
        for one in read.requirements:
            at = line + one.line - 1 if "\n" in value else line
            if (found := requirement(one.text, at)) is not None:
                declared.requirements.append(found)
    return declared


def read_pip_conf(text: str, budget: Budget) -> Declared:
    declared = Declared(Style.REQUIREMENTS)
    for _, key, value, line in _ini(text, budget):
        name = key.replace("_", "-").lower()
        if name in _LISTS or name == "index-url":
            declared.options += [Option(name, one, line) for one in value.split()]
    return declared


def read_setup_py(text: str, budget: Budget) -> Declared:
    """What setup.py says in literals. What it computes is not known; the auditor of code says what else it does."""
    declared = Declared(Style.LIBRARY)
    if len(text) > _LARGEST:
        return declared
    try:
        tree = module(text)
    except UnparsedError:
        return declared  # told by the auditor of code
    named = {
        one.targets[0].id: one.value
        for one in tree.body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        budget.take()
        if isinstance(node, ast.Call) and _called(node.func) == "setup":
            for keyword in node.keywords:
                if keyword.arg in _ARGUMENTS:
                    for constant in _constants(keyword.value, named, 0):
                        found = requirement(str(constant.value), constant.lineno)
                        if found is not None:
                            declared.requirements.append(found)
    return declared


def _called(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _constants(node: ast.expr, named: dict[str, ast.expr], depth: int) -> Iterator[ast.Constant]:
    if depth > 8:
        return
    match node:
        case ast.Constant(value=str()):
            yield node
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            for item in items:
                yield from _constants(item, named, depth + 1)
        case ast.Dict(values=items):
            for item in items:
                yield from _constants(item, named, depth + 1)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _constants(left, named, depth + 1)
            yield from _constants(right, named, depth + 1)
        case ast.Name(id=name) if name in named:
            yield from _constants(named[name], named, depth + 1)
        case _:
            return


def _ini(text: str, budget: Budget) -> Iterator[tuple[str, str, str, int]]:
    """Section, key, value with its further lines, and the line of the key."""
    section, key, value, start = "", "", list[str](), 0
    for number, line in enumerate(text.splitlines(), 1):
        if number % 1_000 == 0:
            budget.take()
        if key and (line[:1] in (" ", "\t") or not line.strip()):
            value.append(line.strip())
            continue
        if key:
            yield section, key, "\n".join(value), start
            key = ""
        if (named := _SECTION.fullmatch(line.strip())) is not None:
            section = named[1].strip()
        elif (pair := _KEY.fullmatch(line.strip())) is not None and line[:1] not in "#;":
            key, value, start = pair[1], [pair[2]], number
    if key:
        yield section, key, "\n".join(value), start
