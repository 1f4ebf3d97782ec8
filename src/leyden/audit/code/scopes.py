"""What each name of a program may stand for: imports, and the expressions that are bound to it, scope by scope.

Flow is not followed: a name stands for all that is bound to it anywhere in its scope.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias, TypeVar, final

from leyden.audit.finding import Budget

Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"
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
_USED: Final = frozenset((ast.Call, ast.Dict, ast.Set, ast.Assign, ast.AnnAssign, ast.Compare))
_BINDING: Final = frozenset((
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Assign,
    ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.comprehension, ast.withitem,
    ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.Global, ast.Return,
))  # fmt: skip


@final
@dataclass(frozen=True)
class Imported:
    """A module or a member of one, by its dotted path."""

    path: str


@final
@dataclass(frozen=True)
class Element:
    """Something inside what an expression stands for: what a loop or an unpacking takes out of it."""

    of: ast.expr


@final
@dataclass(frozen=True)
class Made:
    """An object of the class that an expression names: an annotated parameter."""

    kind: ast.expr


@final
@dataclass(frozen=True)
class Receiver:
    """The first parameter of a method: an object of the class, or the class itself."""

    cls: Scope
    is_class: bool


@final
@dataclass(frozen=True)
class Default:
    """What a parameter is where nobody gives it; it stands in the scope around the function."""

    value: ast.expr


@final
@dataclass(frozen=True)
class Own:
    """A function of the program."""

    body: Scope


@final
@dataclass(frozen=True)
class Unknown:
    """A value that nothing here says anything about."""


Binding: TypeAlias = "ast.expr | ast.ClassDef | Imported | Element | Made | Receiver | Default | Own | Unknown"
UNKNOWN: Final = Unknown()
_T = TypeVar("_T")
# What is kept of one name. A program can bind a name, and use it, as often as it has lines.
_MOST: Final = 32


@final
@dataclass
class Scope:
    """A module, a class or a function."""

    node: ast.Module | ast.ClassDef | Function
    parent: Scope | None
    names: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)  # modules of which everything is imported
    attributes: dict[str, list[Binding]] = field(default_factory=dict)  # that methods of a class set on their object
    members: dict[tuple[str, str], list[Binding]] = field(
        default_factory=dict
    )  # that are set on what a name stands for
    classes: dict[ast.ClassDef, Scope] = field(default_factory=dict)  # the bodies of those that are defined here
    returns: list[ast.expr] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)  # names that ``global`` binds in the module
    filled: set[str] = field(default_factory=set)  # names of what something is saved or dumped into

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)

    @property
    def module(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def add(self, name: str, value: Binding) -> None:
        scope = self.module if name in self.outside else self
        _keep(scope.names.setdefault(name, []), value)

    def find(self, name: str) -> tuple[Sequence[Binding], Scope] | None:
        """What a name used in this scope is bound to, and the scope that binds it; None where it is bound nowhere."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.is_class):
                return scope.names[name], scope
            scope = scope.parent
        return None


def _keep(kept: list[_T], one: _T) -> None:
    if len(kept) < _MOST:
        kept.append(one)


@final
class Used(NamedTuple):
    """A node that rules look at, and the scope that it stands in."""

    node: ast.expr | ast.stmt
    scope: Scope


def forget(module: Scope) -> None:
    """Take scopes apart that hold each other, so that the tree goes at once and not when somebody collects it."""
    pending = [module]
    while pending:
        scope = pending.pop()
        owned = [one.body for bindings in scope.names.values() for one in bindings if isinstance(one, Own)]
        pending.extend((*owned, *scope.classes.values()))
        scope.names.clear()
        scope.classes.clear()


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
            case ast.Global():
                scope.outside.update(node.names)
            case ast.Return() if node.value is not None:
                _keep(scope.returns, node.value)
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
                _keep(scope.stars, module)
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
        for parameter, value in defaults(node.args):
            inner.add(parameter.arg, Default(value))
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
                _keep(receiver.cls.attributes.setdefault(target.attr, []), value)
            if not receivers:
                _keep(scope.members.setdefault((name, target.attr), []), value)
        case _:
            pass


def _pairs(targets: Sequence[ast.expr], value: Binding) -> Iterator[tuple[ast.expr, Binding]]:
    """Each target with what it gets: part by part where both sides are written out."""
    if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(targets):
        yield from zip(targets, value.elts, strict=True)
        return
    for target in targets:
        yield target, Element(value) if isinstance(value, ast.expr) else UNKNOWN
