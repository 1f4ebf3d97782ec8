"""What names may be bound to, and the scopes that bind them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar, final

Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"


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
class Served:
    """What a request gives for a parameter, if ``server`` is one whose routes lead to the function."""

    server: ast.expr


@final
@dataclass(frozen=True)
class Given:
    """What a call in the program gives for a parameter, and the scope of the call."""

    value: ast.expr
    scope: Scope


@final
@dataclass(frozen=True)
class Own:
    """A function of the program."""

    body: Scope


@final
@dataclass(frozen=True)
class Unknown:
    """A value that nothing here says anything about."""


Binding: TypeAlias = (
    "ast.expr | ast.ClassDef | Imported | Element | Made | Receiver | Default | Served | Given | Own | Unknown"
)
UNKNOWN: Final = Unknown()
INSIDE: Final = "[]"  # the member that stands for all that is put into a dictionary or a list
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
        keep(scope.names.setdefault(name, []), value)

    def find(self, name: str) -> tuple[Sequence[Binding], Scope] | None:
        """What a name used in this scope is bound to, and the scope that binds it; None where it is bound nowhere."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.is_class):
                return scope.names[name], scope
            scope = scope.parent
        return None


def keep(kept: list[_T], one: _T) -> None:
    if len(kept) < _MOST:
        kept.append(one)


def forget(module: Scope) -> None:
    """Take scopes apart that hold each other, so that the tree goes at once and not when somebody collects it."""
    pending = [module]
    while pending:
        scope = pending.pop()
        owned = [one.body for bindings in scope.names.values() for one in bindings if isinstance(one, Own)]
        pending.extend((*owned, *scope.classes.values()))
        scope.names.clear()
        scope.classes.clear()
