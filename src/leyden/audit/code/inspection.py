"""Everything that a program calls, names and assigns, held against the tables of checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final, final

from leyden.audit.code import loads, surroundings, training
from leyden.audit.code.clues import tells
from leyden.audit.code.names import last_names
from leyden.audit.code.program import Call, Hit, Value
from leyden.audit.code.resolve import Resolver
from leyden.audit.code.scopes import Scope, Used, scoped
from leyden.audit.code.tables import CALLS, KEYWORDS, METHODS
from leyden.audit.code.text import parsed
from leyden.audit.code.versions import Versions
from leyden.audit.finding import File, Finding
from leyden.audit.rules.code_surroundings import SECRET

_PARTIAL: Final = ("functools.partial",)
# What the last name of a function has to be for a call of it to matter, where it is reached through something.
_LAST: Final = last_names((*CALLS, *_PARTIAL))
MEMBERS: Final = last_names((*surroundings.NAMED, *loads.HANDED_ON))


def findings(file: File) -> Iterator[Finding]:
    """What is wrong with a file of Python or a notebook; UnparsedError or LimitError where it cannot be looked at."""
    unit = parsed(file, tells)
    if unit is None:
        return
    package = re.sub(r"\W", "_", file.name.partition(".")[0]) or "package"
    used = scoped(unit.tree, package, file.budget, MEMBERS)
    versions = Versions(file.versions)
    told: set[tuple[str, int, int]] = set()
    for at, hit in inspect(used, versions):
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


def _defaults(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
    for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            yield parameter, default


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
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield from surroundings.secret(key.value, Value(value, scope, self._resolver))
            case ast.FunctionDef(args=arguments) | ast.AsyncFunctionDef(args=arguments):
                for parameter, default in _defaults(arguments):
                    yield from surroundings.secret(parameter.arg, Value(default, scope, self._resolver))
            case _:
                return

    def _call(self, node: ast.Call, scope: Scope) -> Iterator[Hit]:
        for keyword in node.keywords:
            if keyword.arg is not None and isinstance(keyword.value, ast.Constant):
                yield from surroundings.secret(keyword.arg, Value(keyword.value, scope, self._resolver))
        function = node.func
        method = METHODS.get(function.attr, ()) if isinstance(function, ast.Attribute) else ()
        named = {check: None for keyword in node.keywords for check in KEYWORDS.get(keyword.arg or "", ())}
        if not method and not named and isinstance(function, ast.Attribute) and function.attr not in _LAST:
            return
        paths = self._resolver.paths(function, scope)
        for path in paths:
            yield from self._known(node, path, scope)
        if method or named or isinstance(function, ast.Call):
            call = self._called_as(paths[0] if paths else f"?.{getattr(function, 'attr', '')}", node, scope, node.args)
            for check in (*method, *named, training.fetches):
                yield from check(call)

    def _known(self, node: ast.Call, path: str, scope: Scope) -> Iterator[Hit]:
        if path in _PARTIAL and node.args:
            self._called.add(id(node.args[0]))
            for inner in self._resolver.paths(node.args[0], scope):
                for check in CALLS.get(inner, ()):
                    yield from check(self._called_as(inner, node, scope, node.args[1:]))
            return
        for check in CALLS.get(path, ()):
            yield from check(self._called_as(path, node, scope, node.args))

    def _called_as(self, path: str, node: ast.Call, scope: Scope, arguments: Sequence[ast.expr]) -> Call:
        return Call(node, path, scope, self._resolver, arguments, self._versions)

    def _named(self, node: ast.expr, scope: Scope) -> Iterator[Hit]:
        for path in self._resolver.paths(node, scope):
            if path in surroundings.NAMED:
                yield surroundings.NAMED[path]
            elif path in loads.HANDED_ON and id(node) not in self._called:
                yield from loads.HANDED_ON[path](self._versions)
