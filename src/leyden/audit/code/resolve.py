"""What expressions stand for: dotted paths of what they name, and constants.

A path is written as one would reach the thing: ``torch.load``, ``argparse.ArgumentParser().parse_args().ckpt``,
``sys.argv[]``. A class of the program's own goes by its bases.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, final

from leyden.audit.code.bindings import (
    INSIDE,
    Binding,
    Default,
    Element,
    Given,
    Imported,
    Made,
    Own,
    Receiver,
    Scope,
    Served,
    Unknown,
)
from leyden.audit.code.names import canonical

_MOST: Final = 6  # paths of one expression
_BASES: Final = 4  # of one class
_NESTED: Final = 3  # bases of bases
_WIDEST: Final = 64  # members of a list or a dictionary
_DEEPEST: Final = 20  # names that lead to names, and sums within sums
_LONGEST: Final = 300  # characters of a path
_TEXT: Final = 10_000  # characters of a sum of texts
_BUILTINS: Final = frozenset(dir(builtins))
SERVERS: Final = frozenset((
    "fastapi.FastAPI()", "fastapi.APIRouter()", "flask.Flask()", "flask.Blueprint()", "quart.Quart()",
    "bottle.Bottle()", "sanic.Sanic()",
))  # fmt: skip
NOTHING: Final = object()  # no constant
_FETCHING: Final = frozenset(("builtins.getattr", "operator.attrgetter"))
_TRANSPARENT: Final = frozenset(("builtins.staticmethod", "builtins.classmethod"))
_IMPORTING: Final = frozenset(("importlib.import_module", "builtins.__import__"))


@final
class Resolver:
    """Answers for one module, and remembers."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[str, ...]] = {}
        self._constants: dict[tuple[int, int], Any] = {}

    def paths(self, node: ast.expr, scope: Scope, depth: int = 0) -> tuple[str, ...]:
        """What an expression may name; nothing where nobody can tell."""
        if depth > _DEEPEST:
            return ()
        key = id(node), id(scope)
        if key not in self._known:
            self._known[key] = ()  # what a name that leads to itself adds
            found = dict.fromkeys(path for path in self._paths(node, scope, depth + 1) if len(path) <= _LONGEST)
            self._known[key] = (*found,)[:_MOST]
        return self._known[key]

    def constant(self, node: ast.expr, scope: Scope, depth: int = 0) -> Any:
        """The constant that an expression is, or NOTHING."""
        if isinstance(node, ast.Constant):
            return node.value
        if depth > _DEEPEST:
            return NOTHING
        key = id(node), id(scope)
        if key not in self._constants:
            self._constants[key] = NOTHING  # what a name that leads to itself adds
            self._constants[key] = self._constant(node, scope, depth)
        return self._constants[key]

    def _constant(self, node: ast.expr, scope: Scope, depth: int) -> Any:
        match node:
            case ast.UnaryOp(op=ast.Not()):
                value = self.constant(node.operand, scope, depth + 1)
                return NOTHING if value is NOTHING else not value
            case ast.JoinedStr():
                parts = [self.constant(part, scope, depth + 1) for part in node.values]
                texts = [part for part in parts if isinstance(part, str)]
                whole = len(texts) == len(parts) and sum(map(len, texts)) <= _TEXT
                return "".join(texts) if whole else NOTHING
            case ast.FormattedValue(conversion=-1, format_spec=None):
                value = self.constant(node.value, scope, depth + 1)
                return value if isinstance(value, str) else NOTHING
            case ast.BinOp(op=ast.Add()):
                left, right = (self.constant(side, scope, depth + 1) for side in (node.left, node.right))
                whole = isinstance(left, str) and isinstance(right, str) and len(left) + len(right) <= _TEXT
                return left + right if whole else NOTHING
            case ast.Name():
                found = scope.find(node.id)
                if found is None or len(found[0]) != 1 or not isinstance(found[0][0], ast.expr):
                    return NOTHING
                return self.constant(found[0][0], found[1], depth + 1)
            case ast.Attribute():
                match [(one, where) for bindings, where in self._set(node, scope) for one in bindings]:
                    case [(ast.Call(func=ast.Name(id="field" | "Field"), keywords=keywords), where)]:
                        default = next((one.value for one in keywords if one.arg == "default"), None)
                        return NOTHING if default is None else self.constant(default, where, depth + 1)
                    case [(ast.expr() as value, where)]:
                        return self.constant(value, where, depth + 1)
                    case _:
                        return NOTHING
            case _:
                return NOTHING

    def literal(self, node: ast.expr, scope: Scope) -> ast.expr:
        """The expression that a name is bound to where there is one alone, else ``node`` itself."""
        for _ in range(_DEEPEST):
            if not isinstance(node, ast.Name) or (found := scope.find(node.id)) is None:
                break
            bindings, scope = found
            if len(bindings) != 1 or not isinstance(bindings[0], ast.expr):
                break
            node = bindings[0]
        return node

    def bases(self, cls: ast.ClassDef, scope: Scope) -> Iterator[str]:
        """The paths of a class's bases, and of theirs in the same program."""
        for base in cls.bases:
            yield from self.paths(base, scope)

    def _paths(self, node: ast.expr, scope: Scope, depth: int) -> Iterator[str]:
        match node:
            case ast.Name():
                yield from self._name(node.id, scope, depth)
            case ast.Attribute():
                yield from self._attribute(node, scope, depth)
            case ast.Call():
                yield from self._call(node, scope, depth)
            case ast.Subscript():
                yield from self._subscript(node, scope, depth)
            case ast.Await() | ast.NamedExpr() | ast.Starred():
                yield from self.paths(node.value, scope, depth)
            case ast.IfExp():
                yield from self.paths(node.body, scope, depth)
                yield from self.paths(node.orelse, scope, depth)
            case ast.BinOp(left=left, op=ast.Div()):
                yield from (path for path in self.paths(left, scope, depth) if path == "pathlib.Path()")
            case ast.BoolOp():
                for value in node.values:
                    yield from self.paths(value, scope, depth)
            case _:
                return

    def _name(self, name: str, scope: Scope, depth: int) -> Iterator[str]:
        found = scope.find(name)
        if found is not None:
            yield from self._bound(*found, depth)
            return
        if name in _BUILTINS:
            yield f"builtins.{name}"
        yield from (canonical(f"{star}.{name}") for star in scope.module.stars)

    def _bound(self, bindings: Sequence[Binding], scope: Scope, depth: int) -> Iterator[str]:
        for binding in bindings:
            match binding:
                case Imported():
                    yield canonical(binding.path)
                case Element():
                    yield from (f"{path}[]" for path in self.paths(binding.of, scope, depth))
                    yield from self._elements(binding.of, None, scope, depth)
                case Default():
                    yield from self.paths(binding.value, scope.parent or scope, depth)
                case Given():
                    yield from self.paths(binding.value, binding.scope, depth)
                case Served():
                    servers = self.paths(binding.server, scope.parent or scope, depth)
                    yield from (f"{path}.request" for path in servers if path in SERVERS)
                case Made():
                    yield from (f"{path}()" for path in self.paths(_plain(binding.kind), scope, depth))
                case Receiver():
                    cls = binding.cls.node
                    assert isinstance(cls, ast.ClassDef)
                    assert binding.cls.parent is not None
                    after = "" if binding.is_class else "()"
                    yield from (f"{path}{after}" for path in self.bases(cls, binding.cls.parent))
                case ast.ClassDef():
                    yield from self.bases(binding, scope)
                case Own() | Unknown():
                    continue
                case _:
                    yield from self.paths(binding, scope, depth)

    def is_renamed(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a member may stand for something of another name, since the program has set it."""
        return isinstance(node, ast.Attribute) and any(
            not isinstance(binding, Own) for bindings, _ in self._set(node, scope) for binding in bindings
        )

    def _set(self, node: ast.Attribute, scope: Scope) -> Iterator[tuple[Sequence[Binding], Scope]]:
        """What the program sets a member to: on objects and classes of its own, and on what a name stands for."""
        if not isinstance(node.value, ast.Name) or (found := scope.find(node.value.id)) is None:
            return
        bindings, where = found
        if set_here := where.members.get((node.value.id, node.attr)):
            yield set_here, where
        for binding in bindings:
            match binding:
                case Receiver():
                    yield from self._members(binding.cls, node.attr, 0)
                case ast.ClassDef() if binding in where.classes:
                    yield from self._members(where.classes[binding], node.attr, 0)
                case ast.Call(func=function, keywords=keywords):
                    yield [keyword.value for keyword in keywords if keyword.arg == node.attr], where
                    for cls in self._classes(function, where):
                        yield from self._members(cls, node.attr, 0)
                case _:
                    continue

    def _members(self, cls: Scope, name: str, depth: int) -> Iterator[tuple[Sequence[Binding], Scope]]:
        """What a class of the program and its bases have under a name."""
        yield cls.attributes.get(name, ()), cls
        yield cls.names.get(name, ()), cls
        if depth < _NESTED and isinstance(cls.node, ast.ClassDef) and cls.parent is not None:
            for base in cls.node.bases[:_BASES]:
                for inner in self._classes(base, cls.parent):
                    yield from self._members(inner, name, depth + 1)

    def _classes(self, node: ast.expr, scope: Scope) -> Iterator[Scope]:
        """The bodies of the program's classes that a name stands for."""
        if isinstance(node, ast.Name) and (found := scope.find(node.id)) is not None:
            yield from (
                found[1].classes[one] for one in found[0] if isinstance(one, ast.ClassDef) and one in found[1].classes
            )

    def _given_back(self, function: ast.expr, scope: Scope, depth: int) -> Iterator[str]:
        """What a function of the program returns."""
        match function:
            case ast.Name():
                found = scope.find(function.id)
                bindings = [] if found is None else found[0]
            case ast.Attribute():
                bindings = [binding for bound, _ in self._set(function, scope) for binding in bound]
            case _:
                return
        for binding in bindings:
            if isinstance(binding, Own):
                for value in binding.body.returns:
                    yield from self.paths(value, binding.body, depth)

    def _subscript(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterator[str]:
        key = self.constant(node.slice, scope)
        if isinstance(node.value, ast.Name) and (found := scope.find(node.value.id)) is not None:
            yield from self._bound(found[1].members.get((node.value.id, INSIDE), ()), found[1], depth)
        for path in self.paths(node.value, scope, depth):
            if path == "sys.modules" and isinstance(key, str):
                yield canonical(key)
            elif path.endswith(".__dict__") and isinstance(key, str):
                yield canonical(f"{path.removesuffix('.__dict__')}.{key}")
            else:
                yield f"{path}[]"
        yield from self._elements(node.value, node.slice, scope, depth)

    def _elements(self, node: ast.expr, key: ast.expr | None, scope: Scope, depth: int) -> Iterator[str]:
        """What is in a list or a dictionary that is written out; under ``key``, where both are known."""
        wanted = NOTHING if key is None else self.constant(key, scope)
        pairs: list[tuple[Any, ast.expr]] = []
        match self.literal(node, scope):
            case ast.Dict(keys=keys, values=values):
                pairs = [
                    (getattr(name, "value", NOTHING), value)
                    for name, value in zip(keys[:_WIDEST], values[:_WIDEST], strict=True)
                ]
            case ast.List(elts=values) | ast.Tuple(elts=values):
                pairs = [*enumerate(values[:_WIDEST])]
            case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
                pairs = [(keyword.arg, keyword.value) for keyword in keywords[:_WIDEST]]
            case _:
                return
        for name, value in pairs:
            if wanted is NOTHING or name is NOTHING or name == wanted:
                yield from self.paths(value, scope, depth)

    def _attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Iterator[str]:
        for bindings, where in self._set(node, scope):
            yield from self._bound(bindings, where, depth)
        yield from (canonical(f"{path}.{node.attr}") for path in self.paths(node.value, scope, depth))

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
        yield from self._given_back(node.func, scope, depth)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
            yield from self._elements(node.func.value, node.args[0], scope, depth)
        for path in self.paths(node.func, scope, depth):
            if (
                path in _FETCHING
                and len(node.args) >= 2
                and isinstance(name := self.constant(node.args[1], scope), str)
            ):
                yield from (canonical(f"{owner}.{name}") for owner in self.paths(node.args[0], scope, depth))
            elif path in _IMPORTING and node.args and isinstance(name := self.constant(node.args[0], scope), str):
                yield canonical(name)
            elif path in _TRANSPARENT and node.args:
                yield from self.paths(node.args[0], scope, depth)
            elif path == "builtins.vars" and node.args:
                yield from (f"{owner}.__dict__" for owner in self.paths(node.args[0], scope, depth))
            else:
                yield f"{path}()"


def _plain(annotation: ast.expr) -> ast.expr:
    """The class of an annotation such as ``Optional[X]`` or ``X | None``."""
    match annotation:
        case ast.BinOp(op=ast.BitOr()):
            return annotation.left
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return inner
        case _:
            return annotation


def starts(path: str, beginnings: Iterable[str]) -> str | None:
    """The first of ``beginnings`` that ``path`` is or is reached through, member by member."""
    return next((one for one in beginnings if path == one or (path.startswith(one) and path[len(one)] in ".[(")), None)
