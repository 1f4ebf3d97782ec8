"""Where a program makes a Trainer and names checkpoints, as far as that is written out."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, final

from leyden.audit.code.program import Call, Value
from leyden.audit.code.resolve import NOTHING, Resolver
from leyden.audit.code.scopes import scoped
from leyden.audit.code.text import parsed
from leyden.audit.finding import File, Place

_TRAINERS: Final = ("leyden.Trainer", "leyden.trainer.Trainer", "lightning.pytorch.Trainer")
_RUNS: Final = ("fit", "validate", "test", "predict")
_LOADS: Final = frozenset(f"{trainer}().{name}" for trainer in _TRAINERS for name in _RUNS)
_LARGEST: Final = 10_000  # nodes of an argument that is written out


@final
@dataclass(frozen=True)
class Made:
    """A Trainer that is made: ``arguments`` that are written out, and the names of those that are not."""

    place: Place
    snippet: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    positional: bool = False  # it is given arguments without their names


@final
@dataclass(frozen=True)
class Loaded:
    """A checkpoint that a run is told to load, by a path that is written out."""

    place: Place
    snippet: str
    path: str


def trainers(file: File) -> Iterator[Made | Loaded]:
    """Each Trainer of a program, and each path of a checkpoint; UnparsedError where it is no Python."""
    unit = parsed(file, lambda text: b"Trainer" in text)
    if unit is None:
        return
    resolver = Resolver()
    for node, scope in scoped(unit.tree, "package", file.budget):
        if not isinstance(node, ast.Call):
            continue
        paths = resolver.paths(node.func, scope)
        place, snippet = unit.place_of(node), unit.snippet(node)
        if not set(_TRAINERS).isdisjoint(paths):
            yield _made(Call(node, paths[0], scope, resolver, node.args), place, snippet)
        elif not _LOADS.isdisjoint(paths):
            text = Call(node, paths[0], scope, resolver, node.args).says(None, "ckpt_path")
            if isinstance(text, str):
                yield Loaded(place, snippet, text)


def _made(call: Call, place: Place, snippet: str) -> Made:
    written: dict[str, Any] = {}
    unknown: list[str] = []
    for name, value in call.keywords():
        found = literal(value)
        if found is NOTHING:
            unknown.append(name)
        else:
            written[name] = found
    if any(keyword.arg is None for keyword in call.node.keywords):
        unknown.append("**")
    return Made(place, snippet, written, tuple(unknown), bool(call.args))


def literal(value: Value) -> Any:
    """What an expression is if it is written out, or NOTHING."""
    constant = value.constant()
    if constant is not NOTHING:
        return constant
    node = value.resolver.literal(value.node, value.scope)
    if sum(1 for _ in islice(ast.walk(node), _LARGEST + 1)) > _LARGEST:
        return NOTHING
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return NOTHING


def imports(file: File) -> Iterator[tuple[int, str, Sequence[str]]]:
    """What a program imports: the dots before the name, the module, and names that may be modules of it."""
    unit = parsed(file, lambda text: b"import" in text)
    for node in ast.walk(unit.tree) if unit is not None else ():
        file.budget.take()
        match node:
            case ast.Import(names=names):
                for one in names:
                    yield 0, one.name, ()
            case ast.ImportFrom(module=module, names=names, level=level):
                yield level, module or "", [one.name for one in names]
            case _:
                continue
