"""Everything that a program calls, names and assigns, held against the tables of checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, final

from leyden.audit.code import loads, surroundings, training
from leyden.audit.code.bindings import Scope, forget
from leyden.audit.code.clues import tells
from leyden.audit.code.given import give
from leyden.audit.code.names import last_names
from leyden.audit.code.program import Call, Hit, Value
from leyden.audit.code.resolve import Resolver
from leyden.audit.code.scopes import Used, defaults, scoped
from leyden.audit.code.tables import CALLS, KEYWORDS, METHODS
from leyden.audit.code.text import Unit, parsed
from leyden.audit.code.versions import Versions
from leyden.audit.finding import File, Finding
from leyden.audit.rules.code_surroundings import SECRET

# Functions that call another one, with the position of that one; what follows are its arguments.
_FORWARDING: Final[Mapping[str, int]] = {
    "functools.partial": 0, "functools.partialmethod": 0, "asyncio.to_thread": 0, "anyio.to_thread.run_sync": 0,
}  # fmt: skip
_FORWARDING_METHODS: Final[Mapping[str, int]] = {"submit": 0, "run_in_executor": 1, "call_soon": 0, "call_later": 1}
# What the last name of a function has to be for a call of it to matter, where it is reached through something.
_LAST: Final = last_names((*CALLS, *_FORWARDING))
MEMBERS: Final = last_names((*surroundings.NAMED, *loads.HANDED_ON))


def findings(file: File) -> Iterator[Finding]:
    """What is wrong with a file of Python or a notebook; UnparsedError or LimitError where it cannot be looked at."""
    unit = parsed(file, tells)
    if unit is None:
        return
    package = re.sub(r"\W", "_", file.name.partition(".")[0]) or "package"
    used = scoped(unit.tree, package, file.budget, MEMBERS)
    try:
        yield from _told(unit, inspect(used, Versions(file.versions)))
    finally:
        if used:
            forget(used[0].scope.module)


def _told(unit: Unit, hits: Iterable[tuple[ast.expr | ast.stmt, Hit]]) -> Iterator[Finding]:
    """Each hit where it stands, once."""
    told: set[tuple[str, int, int]] = set()
    for at, hit in hits:
        key = hit.rule.id, at.lineno, at.col_offset
        if key in told:
            continue
        told.add(key)
        snippet = unit.snippet(at)
        if hit.rule is SECRET and isinstance(at, ast.Constant):
            snippet = snippet.replace(str(at.value), "…")
        yield hit.rule.at(unit.place_of(at), hit.message, snippet=snippet, severity=hit.severity)


def inspect(used: Sequence[Used], versions: Versions) -> Iterator[tuple[ast.expr | ast.stmt, Hit]]:
    """What the checks find, with the node that they found it at."""
    program = _Inspection(used, versions)
    for one in used:
        for hit in program.look(one):
            yield hit.node or one.node, hit


def _fill(node: ast.Call, scope: Scope) -> None:
    match node:
        case ast.Call(func=ast.Attribute(attr="save" | "dump"), args=[_, ast.Name(id=name), *_]):
            if (found := scope.find(name)) is not None:
                found[1].filled.add(name)
        case _:
            return


@final
class _Inspection:
    def __init__(self, used: Sequence[Used], versions: Versions) -> None:
        self._versions = versions
        self._resolver = Resolver()
        # What is called, compared or given another name is not handed on; the call is found by itself.
        self._called: set[int] = set()
        for node, scope in used:
            match node:
                case ast.Call():
                    self._called.add(id(node.func))
                    _fill(node, scope)
                    give(node, scope)
                case ast.Set():  # which no program picks a function from
                    self._called.update(map(id, node.elts))
                case ast.Compare():
                    self._called.update(map(id, (node.left, *node.comparators)))
                case ast.Assign(targets=targets) if all(isinstance(target, ast.Name) for target in targets):
                    self._called.add(id(node.value))
                case _:
                    continue

    def look(self, one: Used) -> Iterator[Hit]:
        node, scope = one
        match node:
            case ast.Call():
                yield from self._call(node, scope)
            case ast.Attribute(ctx=ast.Load()) | ast.Name(ctx=ast.Load()):
                yield from self._named(node, scope)
            case ast.Assign(targets=targets, value=value):
                if type(value) is not ast.Constant and all(type(target) is ast.Name for target in targets):
                    return  # only a text that is written out is a secret
                for target in targets:
                    yield from surroundings.assigned(target, Value(value, scope, self._resolver))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from surroundings.assigned(target, Value(value, scope, self._resolver))
                if scope.is_class and isinstance(target, ast.Name):
                    yield from surroundings.host(target.id, Value(value, scope, self._resolver))
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield from surroundings.secret(key.value, Value(value, scope, self._resolver))
            case ast.FunctionDef(args=arguments) | ast.AsyncFunctionDef(args=arguments):
                for parameter, default in defaults(arguments):
                    yield from surroundings.secret(parameter.arg, Value(default, scope, self._resolver))
                    yield from surroundings.host(parameter.arg, Value(default, scope, self._resolver))
            case _:
                return

    def _call(self, node: ast.Call, scope: Scope) -> Iterator[Hit]:
        for keyword in node.keywords:
            if keyword.arg is not None and isinstance(keyword.value, ast.Constant):
                yield from surroundings.secret(keyword.arg, Value(keyword.value, scope, self._resolver))
        function = node.func
        attribute = function.attr if isinstance(function, ast.Attribute) else ""
        checks = METHODS.get(attribute, ())
        named = {check: None for keyword in node.keywords for check in KEYWORDS.get(keyword.arg or "", ())}
        forwarded = _FORWARDING_METHODS.get(attribute)
        known = not attribute or checks or named or forwarded is not None or attribute in _LAST
        if not known and not self._resolver.is_renamed(function, scope):
            return
        paths = self._resolver.paths(function, scope)
        if forwarded is not None:
            yield from self._forwarded(node, forwarded, scope)
        for path in paths:
            if path in _FORWARDING:
                yield from self._forwarded(node, _FORWARDING[path], scope)
            for check in CALLS.get(path, ()):
                yield from check(self._called_as(path, node, scope, node.args))
        if checks or named or isinstance(function, ast.Call):
            for path in paths or (f"?.{attribute}",):
                call = self._called_as(path, node, scope, node.args)
                for check in (*checks, *named, training.fetches):
                    yield from check(call)

    def _forwarded(self, node: ast.Call, position: int, scope: Scope) -> Iterator[Hit]:
        """The call of a function that is handed on together with its arguments."""
        if position >= len(node.args):
            return
        function, arguments = node.args[position], node.args[position + 1 :]
        named = {check: None for keyword in node.keywords for check in KEYWORDS.get(keyword.arg or "", ())}
        for path in self._resolver.paths(function, scope):
            checks = CALLS.get(path, ())
            if checks:
                self._called.add(id(function))
            for check in (*checks, *named):
                yield from check(self._called_as(path, node, scope, arguments))

    def _called_as(self, path: str, node: ast.Call, scope: Scope, arguments: Sequence[ast.expr]) -> Call:
        return Call(node, path, scope, self._resolver, arguments, self._versions)

    def _named(self, node: ast.expr, scope: Scope) -> Iterator[Hit]:
        for path in self._resolver.paths(node, scope):
            if path in surroundings.NAMED:
                yield surroundings.NAMED[path]
            elif path in loads.HANDED_ON and id(node) not in self._called:
                yield from loads.HANDED_ON[path](self._versions)
