"""What expressions stand for: dotted paths of what they name, and constants.

A path is written as one would reach the thing: ``torch.load``, ``argparse.ArgumentParser().parse_args().ckpt``,
``sys.argv[]``. A class of the program's own goes by its bases.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, final

from leyden.audit.code.names import canonical
from leyden.audit.code.scopes import Binding, Element, Imported, Made, Receiver, Scope, Unknown

_MOST: Final = 6  # paths of one expression
_DEEPEST: Final = 20  # names that lead to names, and sums within sums
_LONGEST: Final = 300  # characters of a path
_TEXT: Final = 10_000  # characters of a sum of texts
_BUILTINS: Final = frozenset(dir(builtins))
NOTHING: Final = object()  # no constant
_FETCHING: Final = frozenset(("builtins.getattr", "operator.attrgetter"))
_IMPORTING: Final = frozenset(("importlib.import_module", "builtins.__import__"))


@final
class Resolver:
    """Answers for one module, and remembers."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[str, ...]] = {}

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
        if depth > _DEEPEST:
            return NOTHING
        match node:
            case ast.Constant():
                return node.value
            case ast.UnaryOp(op=ast.Not()):
                value = self.constant(node.operand, scope, depth + 1)
                return NOTHING if value is NOTHING else not value
            case ast.JoinedStr() if all(isinstance(part, ast.Constant) for part in node.values):
                return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            case ast.BinOp(op=ast.Add()):
                left, right = (self.constant(side, scope, depth + 1) for side in (node.left, node.right))
                whole = isinstance(left, str) and isinstance(right, str) and len(left) + len(right) <= _TEXT
                return left + right if whole else NOTHING
            case ast.Name():
                found = scope.find(node.id)
                if found is None or len(found[0]) != 1 or not isinstance(found[0][0], ast.expr):
                    return NOTHING
                return self.constant(found[0][0], found[1], depth + 1)
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
                yield from (f"{path}[]" for path in self.paths(node.value, scope, depth))
            case ast.Await() | ast.NamedExpr() | ast.Starred():
                yield from self.paths(node.value, scope, depth)
            case ast.IfExp():
                yield from self.paths(node.body, scope, depth)
                yield from self.paths(node.orelse, scope, depth)
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
        module = scope
        while module.parent is not None:
            module = module.parent
        if name in _BUILTINS:
            yield f"builtins.{name}"
        yield from (canonical(f"{star}.{name}") for star in module.stars)

    def _bound(self, bindings: Sequence[Binding], scope: Scope, depth: int) -> Iterator[str]:
        for binding in bindings:
            match binding:
                case Imported():
                    yield canonical(binding.path)
                case Element():
                    yield from (f"{path}[]" for path in self.paths(binding.of, scope, depth))
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
                case Unknown():
                    continue
                case _:
                    yield from self.paths(binding, scope, depth)

    def _attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Iterator[str]:
        if isinstance(node.value, ast.Name) and (found := scope.find(node.value.id)) is not None:
            for binding in found[0]:
                if isinstance(binding, Receiver):
                    yield from self._bound(binding.cls.attributes.get(node.attr, ()), binding.cls, depth)
        yield from (canonical(f"{path}.{node.attr}") for path in self.paths(node.value, scope, depth))

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
        for path in self.paths(node.func, scope, depth):
            if (
                path in _FETCHING
                and len(node.args) >= 2
                and isinstance(name := self.constant(node.args[1], scope), str)
            ):
                yield from (canonical(f"{owner}.{name}") for owner in self.paths(node.args[0], scope, depth))
            elif path in _IMPORTING and node.args and isinstance(name := self.constant(node.args[0], scope), str):
                yield canonical(name)
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
