"""What each name of a program may stand for: imports, and the expressions that are bound to it, scope by scope.

Flow is not followed: a name stands for all that is bound to it anywhere in its scope.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Sequence
from typing import Final, NamedTuple, final

from leyden.audit.code.bindings import (
    INSIDE,
    UNKNOWN,
    Binding,
    Default,
    Element,
    Function,
    Imported,
    Made,
    Own,
    Receiver,
    Scope,
    Served,
    keep,
)
from leyden.audit.finding import Budget

_NESTED: Final = 60  # scopes inside scopes
_OFTEN: Final = 1_000  # nodes between two looks at the clock
# Parts of a node that hold no other nodes, or none that matter.
_PLAIN: Final = frozenset((
    "ctx", "op", "ops", "id", "attr", "name", "names", "module", "level", "kind", "conversion", "is_async", "simple",
    "type_comment", "rest", "kwd_attrs", "arg", "asname", "str",
))  # fmt: skip
_LEAVES: Final = frozenset((
    ast.Constant, ast.Load, ast.Store, ast.Del, ast.Pass, ast.Break, ast.Continue, ast.Nonlocal,
    *ast.operator.__subclasses__(), *ast.unaryop.__subclasses__(), *ast.cmpop.__subclasses__(),
    *ast.boolop.__subclasses__(),
))  # fmt: skip
_ROUTES: Final = frozenset(("api_route", "delete", "get", "patch", "post", "put", "route", "websocket"))
_USED: Final = frozenset((ast.Call, ast.Dict, ast.Set, ast.Assign, ast.AnnAssign, ast.Compare))
_BINDING: Final = frozenset((
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Assign,
    ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.comprehension, ast.withitem,
    ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.Match, ast.Global, ast.Return,
))  # fmt: skip


@final
class Used(NamedTuple):
    """A node that rules look at, and the scope that it stands in."""

    node: ast.expr | ast.stmt
    scope: Scope


def _kinds(kind: type[ast.AST]) -> Iterator[type[ast.AST]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _kinds(inner)


# The fields of each kind of node in which there are others.
_PARTS: Final = {kind: tuple(name for name in kind._fields if name not in _PLAIN) for kind in _kinds(ast.AST)}


def scoped(tree: ast.Module, package: str, budget: Budget, members: Container[str] = ()) -> list[Used]:
    """All nodes that rules look at, with scopes in which everything is bound.

    ``package`` is where relative imports start from; it may be any text that no package is called. ``members`` are
    the last names of what matters where it is named and not called: other names are left out.
    """
    walk = _Walk(package, budget, members)
    walk.inside(tree.body, Scope(tree, None))
    return [*walk.used, *(Used(node, scope) for node, scope in walk.names if node.id in walk.imported)]


@final
class _Walk:
    """One pass over a tree. It costs most after the parser, so it tells nodes by their type."""

    def __init__(self, package: str, budget: Budget, members: Container[str]) -> None:
        self.used: list[Used] = []
        self.names: list[tuple[ast.Name, Scope]] = []
        self.imported: set[str] = set()  # names under which members are imported
        self._members = members
        self._package = package
        self._budget = budget
        self._count = 0
        self._depth = 0

    def inside(self, body: Sequence[ast.AST], scope: Scope) -> None:
        self._depth += 1
        if self._depth > _NESTED:
            raise RecursionError
        for node in body:
            self.node(node, scope)
        self._depth -= 1

    def node(self, node: ast.AST, scope: Scope) -> None:
        kind = type(node)
        self._count += 1
        if self._count % _OFTEN == 0:
            self._budget.take()
        if kind is ast.Name:
            self.names.append((node, scope))  # type: ignore[arg-type]  # it is one
            return
        if kind is ast.Attribute:
            if node.attr in self._members:  # type: ignore[attr-defined]  # it has one
                self.used.append(Used(node, scope))  # type: ignore[arg-type]
        elif kind in _USED:
            self.used.append(Used(node, scope))  # type: ignore[arg-type]  # the table has expressions and statements alone
        if kind in _BINDING and self._bound(node, scope):
            return
        for name in _PARTS[kind]:
            value = getattr(node, name, None)
            if type(value) is list:
                for child in value:
                    if child is not None and type(child) not in _LEAVES:
                        self.node(child, scope)
            elif isinstance(value, ast.AST) and type(value) not in _LEAVES:
                self.node(value, scope)

    def _bound(self, node: ast.AST, scope: Scope) -> bool:
        """Bind what a node binds; True where that has looked at all that is in the node."""
        match node:
            case ast.Import():
                for name in node.names:
                    local = name.asname or name.name.partition(".")[0]
                    scope.add(local, _imported(name))
                    if name.asname:
                        self._import(local, name.name)
            case ast.ImportFrom():
                self._from(node, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._function(node, scope)
                return True
            case ast.ClassDef():
                self._class(node, scope)
                return True
            case ast.Assign():
                for target in node.targets:
                    _bind(target, node.value, scope)
            case ast.AnnAssign() if node.value is not None:
                _bind(node.target, node.value, scope)
            case ast.AugAssign():
                _bind(node.target, UNKNOWN, scope)
            case ast.NamedExpr():
                _bind(node.target, node.value, scope)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                _bind(node.target, Element(node.iter), scope)
            case ast.withitem() if node.optional_vars is not None:
                _bind(node.optional_vars, node.context_expr, scope)
            case ast.Match():
                for case in node.cases:
                    if isinstance(case.pattern, ast.MatchAs) and case.pattern.name is not None:
                        scope.add(case.pattern.name, node.subject)
            case ast.Global():
                scope.outside.update(node.names)
            case ast.Return() if node.value is not None:
                keep(scope.returns, node.value)
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name is not None:
                scope.add(node.name, UNKNOWN)
            case _:
                pass
        return False

    def _from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = node.module or ""
        if node.level:
            module = f"{self._package}.{module}".rstrip(".")
        for name in node.names:
            if name.name == "*":
                keep(scope.stars, module)
            else:
                scope.add(name.asname or name.name, Imported(f"{module}.{name.name}"))
                self._import(name.asname or name.name, name.name)

    def _import(self, local: str, path: str) -> None:
        if path.rpartition(".")[2] in self._members:
            self.imported.add(local)

    def _function(self, node: Function, scope: Scope) -> None:
        inner = Scope(node, scope)
        if not isinstance(node, ast.Lambda):
            scope.add(node.name, Own(inner))
            self.used.append(Used(node, scope))
            for decorator in node.decorator_list:
                self.node(decorator, scope)
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        rest = [one for one in (node.args.vararg, node.args.kwarg) if one is not None]
        for parameter in (*parameters, *rest):
            inner.add(parameter.arg, UNKNOWN if parameter.annotation is None else Made(parameter.annotation))
        given = {parameter.arg: value for parameter, value in defaults(node.args)}
        for name, value in given.items():
            inner.add(name, Default(value))
        for server in _servers(node):
            for parameter in parameters:
                if not isinstance(given.get(parameter.arg), ast.Call):  # Depends(…): what the program makes itself
                    inner.add(parameter.arg, Served(server))
        if scope.is_class and parameters and not isinstance(node, ast.Lambda):
            kinds = {one.id for one in node.decorator_list if isinstance(one, ast.Name)}
            if "staticmethod" not in kinds:
                inner.names[parameters[0].arg] = [Receiver(scope, "classmethod" in kinds)]
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.node(default, scope)
        self.inside(node.body if isinstance(node.body, list) else [node.body], inner)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.add(node.name, node)
        for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.node(part, scope)
        body = scope.classes[node] = Scope(node, scope)
        self.inside(node.body, body)


def _servers(node: Function) -> Iterator[ast.expr]:
    """What may call a function for each request: ``app`` of ``@app.post("/load")``."""
    for decorator in () if isinstance(node, ast.Lambda) else node.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(value=server, attr=attr)) if attr in _ROUTES:
                yield server
            case _:
                continue


def defaults(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr]]:
    """Parameters that have a default, with it."""
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
    for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            yield parameter, default


def _imported(name: ast.alias) -> Imported:
    return Imported(name.name if name.asname else name.name.partition(".")[0])


def _bind(target: ast.expr, value: Binding, scope: Scope) -> None:
    match target:
        case ast.Name():
            scope.add(target.id, value)
        case ast.Tuple() | ast.List():
            for part, bound in _pairs(target.elts, value):
                _bind(part, bound, scope)
        case ast.Starred():
            _bind(target.value, UNKNOWN, scope)
        case ast.Attribute(value=ast.Name(id=name)):
            receivers = [one for one in scope.names.get(name, ()) if isinstance(one, Receiver)]
            for receiver in receivers:
                keep(receiver.cls.attributes.setdefault(target.attr, []), value)
            if not receivers:
                keep(scope.members.setdefault((name, target.attr), []), value)
        case ast.Subscript(value=ast.Name(id=name)):
            keep(scope.members.setdefault((name, INSIDE), []), value)
        case _:
            pass


def _pairs(targets: Sequence[ast.expr], value: Binding) -> Iterator[tuple[ast.expr, Binding]]:
    """Each target with what it gets: part by part where both sides are written out."""
    if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(targets):
        yield from zip(targets, value.elts, strict=True)
        return
    for target in targets:
        yield target, Element(value) if isinstance(value, ast.expr) else UNKNOWN
