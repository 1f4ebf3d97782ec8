"""What a rule is shown of a program: calls with their arguments, names in use, assignments, classes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, final

from leyden.audit.code.bindings import Binding, Default, Element, Scope
from leyden.audit.code.origins import Origin, origin_of
from leyden.audit.code.resolve import NOTHING, Resolver
from leyden.audit.code.versions import Versions
from leyden.audit.finding import Rule, Severity

_WIDEST: Final = 200  # expressions inside an argument that are looked at for where it comes from and how it begins


@final
@dataclass(frozen=True)
class Hit:
    """What a check found, before it is placed: the rule, and what there is to say here."""

    rule: Rule
    message: str
    severity: Severity | None = None
    node: ast.expr | ast.stmt | None = None  # where it differs from the node that was checked


@final
@dataclass(frozen=True)
class Value:
    """An expression where it stands."""

    node: ast.expr
    scope: Scope
    resolver: Resolver

    def paths(self) -> tuple[str, ...]:
        """What it may name."""
        return self.resolver.paths(self.node, self.scope)

    def constant(self) -> Any:
        """The constant that it is, or NOTHING."""
        return self.resolver.constant(self.node, self.scope)

    def by_default(self) -> Any:
        """The constant that it is; for a parameter, the one that it has where nobody gives it."""
        found = self.scope.find(self.node.id) if isinstance(self.node, ast.Name) else None
        match [] if found is None else [one for one in found[0] if isinstance(one, (ast.expr, Default))]:
            case [Default(value=value)] if found is not None:
                return self.resolver.constant(value, found[1].parent or found[1])
            case _:
                return self.constant()

    @property
    def is_constant(self) -> bool:
        return self.constant() is not NOTHING

    def text(self) -> str:
        """The text that it is, or an empty one."""
        value = self.constant()
        return value if isinstance(value, str) else ""

    @property
    def is_written_out(self) -> bool:
        """Whether all that this can be stands in the program."""
        match self.node:
            case ast.Name(id=name) if (found := self.scope.find(name)) is not None:
                return all(self._is_written(bound, found[1]) for bound in found[0])
            case ast.Call(func=ast.Name(id="compile"), args=[source, *_]):
                return Value(source, self.scope, self.resolver).is_written_out
            case _:
                return self.is_constant

    def _is_written(self, bound: Binding, scope: Scope) -> bool:
        match bound:
            case ast.expr():
                return Value(bound, scope, self.resolver).is_constant
            case Element(of=ast.expr() as whole):
                return all(one.is_constant for one in Value(whole, scope, self.resolver).parts())
            case _:
                return False

    @property
    def is_own(self) -> bool:
        """Whether the program itself has just dumped this, to copy something."""
        if isinstance(self.node, ast.Name) and self._filled(self.node):
            return True
        if self._dumped():
            return True
        match self.resolver.literal(self.node, self.scope):
            case ast.Call(func=ast.Attribute(attr="dumps")):
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name() as buffer, attr="getvalue" | "getbuffer")):
                return self._filled(buffer)
            case ast.Call(func=function, args=[content]) if self.resolver.paths(function, self.scope) == (
                "io.BytesIO",
            ):
                inner = Value(content, self.scope, self.resolver)
                return inner.is_own or inner.is_written_out
            case _:
                return False

    def _dumped(self) -> bool:
        """Whether all that this can be is what a function called ``dumps`` gave."""
        found = self.scope.find(self.node.id) if isinstance(self.node, ast.Name) else None
        bindings, scope = ([self.node], self.scope) if found is None else found
        return all(
            isinstance(bound, ast.expr) and any(path.endswith(".dumps()") for path in self.resolver.paths(bound, scope))
            for bound in bindings
        )

    def _filled(self, buffer: ast.Name) -> bool:
        """Whether a name is bound to an empty buffer alone, and something is dumped into it."""
        found = self.scope.find(buffer.id)
        if found is None or buffer.id not in found[1].filled:
            return False
        return all(
            isinstance(bound, ast.Call) and not bound.args and "io.BytesIO" in self.resolver.paths(bound.func, found[1])
            for bound in found[0]
        )

    def begins(self) -> str:
        """The text that it is known to begin with: of a constant, an f-string, a sum, a format."""
        node = self.node
        for _ in range(_WIDEST):
            match self.resolver.literal(node, self.scope):
                case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
                    return text
                case ast.BinOp(left=first, op=ast.Add() | ast.Mod()):
                    node = first
                case ast.Call(func=ast.Attribute(value=first, attr="format")):
                    node = first
                case _:
                    break
        return Value(node, self.scope, self.resolver).text()

    def origin(self) -> Origin | None:
        """The least trusted one that takes part in deciding what this is; None where nothing says so."""
        found: Origin | None = None
        for node in self._inside():
            for path in self.resolver.paths(node, self.scope):
                origin = origin_of(path)
                if origin is not None and (found is None or origin > found):
                    found = origin
        return found

    def parts(self) -> Iterator[Value]:
        """The members of a list, tuple or set that is written out, else the value itself."""
        literal = self.resolver.literal(self.node, self.scope)
        if isinstance(literal, (ast.List, ast.Tuple, ast.Set)):
            yield from (Value(node, self.scope, self.resolver) for node in literal.elts)
        else:
            yield self

    def _inside(self) -> Iterator[ast.expr]:
        """The expression, its parts, and those of the expressions that its names are bound to alone."""
        pending: list[tuple[ast.AST, int]] = [(self.node, 0)]
        for _ in range(_WIDEST):
            if not pending:
                return
            node, depth = pending.pop()
            if isinstance(node, ast.expr):
                yield node
            if isinstance(node, ast.Name) and depth < 4:
                literal = self.resolver.literal(node, self.scope)
                if literal is not node:
                    pending.append((literal, depth + 1))
            # A path says all about an attribute or a subscript; the index does not decide what is in there.
            inner = [node.value] if isinstance(node, (ast.Attribute, ast.Subscript)) else ast.iter_child_nodes(node)
            pending.extend((child, depth) for child in inner)


@final
@dataclass(frozen=True)
class Call:
    """A call of what ``path`` names. ``bound`` are arguments that come before those of ``node``'s own."""

    node: ast.Call
    path: str
    scope: Scope
    resolver: Resolver
    args: Sequence[ast.expr]
    versions: Versions = field(default_factory=Versions)

    @property
    def method(self) -> str:
        return self.path.rpartition(".")[2]

    def argument(self, position: int | None, *names: str) -> Value | None:
        """The argument at a position (from 0; None where it has to be named) or of one of these names."""
        for keyword in self.node.keywords:
            if keyword.arg in names:
                return self._value(keyword.value)
            if keyword.arg is None and (value := self._unpacked(keyword.value, names)) is not None:
                return self._value(value)
        if position is not None and position < len(self.args):
            before = self.args[: position + 1]
            if not any(isinstance(one, ast.Starred) for one in before):
                return self._value(self.args[position])
        return None

    def says(self, position: int | None, *names: str) -> Any:
        """The constant that an argument is, if nobody says otherwise; NOTHING where it is not given or not known."""
        value = self.argument(position, *names)
        return NOTHING if value is None else value.by_default()

    @property
    def is_open(self) -> bool:
        """Whether there are arguments that nobody can see here."""
        return any(
            keyword.arg is None and not self._written_out(keyword.value) for keyword in self.node.keywords
        ) or any(isinstance(one, ast.Starred) for one in self.args)

    def keywords(self) -> Iterator[tuple[str, Value]]:
        """Arguments that are given by name."""
        for keyword in self.node.keywords:
            if keyword.arg is not None:
                yield keyword.arg, self._value(keyword.value)

    def _value(self, node: ast.expr) -> Value:
        return Value(node, self.scope, self.resolver)

    def _written_out(self, node: ast.expr) -> bool:
        literal = self.resolver.literal(node, self.scope)
        return isinstance(literal, ast.Dict) or (
            isinstance(literal, ast.Call) and self.resolver.paths(literal.func, self.scope) == ("builtins.dict",)
        )

    def _unpacked(self, node: ast.expr, names: Sequence[str]) -> ast.expr | None:
        match self.resolver.literal(node, self.scope):
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                return next(
                    (value for key, value in pairs if isinstance(key, ast.Constant) and key.value in names), None
                )
            case ast.Call(keywords=keywords) if self._written_out(node):
                return next((keyword.value for keyword in keywords if keyword.arg in names), None)
            case _:
                return None


Check: TypeAlias = Callable[[Call], "Iterator[Hit]"]
