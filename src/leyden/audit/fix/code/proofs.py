"""When an edit changes nothing that works: each proof is held against one call and what is known of the project."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from leyden.audit.code.bindings import Imported
from leyden.audit.code.program import Call
from leyden.audit.fix.code.facts import Facts
from leyden.audit.rules.code_loads import TORCH_FORCED, TORCH_REPLACED

# A call, the statements of its program, and the project.
Proof: TypeAlias = Callable[[Call, Sequence[ast.stmt], Facts], bool]

# Hosts that answer every request without TLS by sending the client to the same path with it, and have for years: a
# download that works has gone over https already, after one answer that anybody could have changed.
_REDIRECTING: Final = (
    "github.com", "raw.githubusercontent.com", "codeload.github.com", "gitlab.com", "huggingface.co", "pypi.org",
    "files.pythonhosted.org", "zenodo.org",
)  # fmt: skip
_HOST: Final = re.compile(r"http://([a-z0-9.-]{1,100})/")
_LIGHTNING: Final = ("lightning", "pytorch-lightning")
_MODULES: Final = ("lightning.pytorch.LightningModule", "lightning.pytorch.LightningDataModule")


def same_default(call: Call, program: Sequence[ast.stmt], facts: Facts) -> bool:
    """torch has ``weights_only=True`` as its default since 2.6, unless the environment or the program changed it."""
    return _one(call, "torch.load") and _weights_by_default(facts)


def same_default_of_lightning(call: Call, program: Sequence[ast.stmt], facts: Facts) -> bool:
    """Lightning 2.6 hands ``weights_only`` on to torch, but for addresses; a class of the program may do otherwise."""
    modules = [name for name in _LIGHTNING if facts.runs(name)]
    source = call.argument(0, "checkpoint_path")
    beginning = "" if source is None else source.begins()
    return (
        any(_one(call, f"{module}.load_from_checkpoint") for module in _MODULES)
        and bool(modules)
        and all(facts.least(name, "2.6") for name in modules)
        and bool(beginning)
        and "://" not in beginning
        and not any(_defines(statement, "load_from_checkpoint") for statement in program)
        and _weights_by_default(facts)
    )


def never_worked(call: Call, program: Sequence[ast.stmt], facts: Facts) -> bool:
    """PyYAML 6 raises TypeError for a ``load`` without a loader: nothing that works can break, if nobody catches it."""
    without = call.argument(1, "Loader") is None and not call.is_open
    one = _one(call, "yaml.load") or _one(call, "yaml.load_all")
    return one and without and facts.least("pyyaml", "6") and not any(_tries(one, call.node) for one in program)


def redirected(call: Call, program: Sequence[ast.stmt], facts: Facts) -> bool:
    """The host sends every client on to https."""
    address = call.argument(0, "url", "fullurl")
    host = None if address is None else _HOST.match(address.begins())
    return host is not None and host[1] in _REDIRECTING


def same_filter(call: Call, program: Sequence[ast.stmt], facts: Facts) -> bool:
    """Python has had the filter ``data`` as its default since 3.14."""
    return facts.least("python", "3.14")


def _weights_by_default(facts: Facts) -> bool:
    changed = facts.forced or not facts.found.isdisjoint((TORCH_FORCED.id, TORCH_REPLACED.id))
    return facts.least("torch", "2.6") and not changed


def _one(call: Call, path: str) -> bool:
    """Whether the function that is called is this one and can be no other: written out, from one import or class."""
    root = call.node.func
    while isinstance(root, ast.Attribute):
        root = root.value
    found = call.scope.find(root.id) if isinstance(root, ast.Name) else None
    match found:
        case ([Imported()], _):
            return call.resolver.paths(call.node.func, call.scope) == (path,)
        case ([ast.ClassDef(bases=[_])], _):
            return call.resolver.paths(call.node.func, call.scope) == (path,)
        case _:
            return False


def _defines(statement: ast.stmt, name: str) -> bool:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, functions) and node.name == name for node in ast.walk(statement))


def _tries(statement: ast.stmt, call: ast.Call) -> bool:
    """Whether the call stands in a block whose errors are caught."""
    return any(
        isinstance(node, ast.Try) and node.handlers and node.lineno <= call.lineno <= (node.end_lineno or 0)
        for node in ast.walk(statement)
    )
