"""Everything that a program calls, names and assigns, held against the tables of checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, final

from leyden.audit.code import loads, surroundings, training
from leyden.audit.code.names import OLD_NAMES
from leyden.audit.code.program import Call, Check, Hit, Value
from leyden.audit.code.resolve import Resolver
from leyden.audit.code.scopes import Imported, Scope, Used, scoped
from leyden.audit.code.text import parsed
from leyden.audit.code.versions import Versions
from leyden.audit.finding import File, Finding
from leyden.audit.rules.code_surroundings import SECRET


def _merged(tables: Sequence[Mapping[str, Check]]) -> Mapping[str, tuple[Check, ...]]:
    merged: dict[str, tuple[Check, ...]] = {}
    for name, check in chain.from_iterable(table.items() for table in tables):
        merged[name] = (*merged.get(name, ()), check)
    return merged


CALLS: Final = _merged((loads.CALLS, training.CALLS, surroundings.CALLS))
METHODS: Final = _merged((loads.METHODS, training.METHODS, surroundings.METHODS))
KEYWORDS: Final = _merged((loads.KEYWORDS, surroundings.KEYWORDS))
_PARTIAL: Final = ("functools.partial",)


def _word(path: str) -> str:
    """The longest name in a path, which any program that reaches it has to write, unless it goes by an older name."""
    words: list[str] = re.findall(r"\w+", path)
    return max(words, key=len)


# Checks that find nothing without something else beside the name that they are called for, which is rarer.
_BESIDE: Final[Mapping[Check, str]] = {
    surroundings.shows: r"environ|getenv",
    surroundings.opens: r"tmp/|\b(?:flask|fastapi|quart|bottle|django|tornado|aiohttp|streamlit)\b",
    surroundings.debugger: r"\b(?:flask|quart|dash)\b",
    surroundings.deletes: r"\b(?:rmtree|removedirs|os\.(?:remove|unlink))\b",
    surroundings.binds: r"\.bind\b|\b(?:HTTPServer|TCPServer|make_server)\b",
}
_ALWAYS: Final = (
    "|".join(_BESIDE.values())
    + r"|(?i:passw\w{0,20}|passphrase|pwd|secret|key|token|credentials?|bearer)"
    + r"[\"'\]\s]{0,40}[=:]\s{0,40}[bBrRuU]?[\"']"  # bounded: a text of nothing but these would take for ever
    + r"|[\"'](?:sk-|hf_|gh[pousr]_|github_pat_|AKIA|xox|glpat-|AIza|npm_|pypi-)"
)


def _words() -> Iterator[str]:
    for table in (CALLS, METHODS, KEYWORDS):
        for name, checks in table.items():
            if not set(checks) <= _BESIDE.keys():
                yield name.removeprefix("builtins.") if table is not CALLS else _word(name.removeprefix("builtins."))
    yield from map(_word, (*loads.HANDED_ON, *surroundings.NAMED, *OLD_NAMES))
    yield "getattr"
    yield "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


# A file without any of these has nothing to find. Where it is not ASCII, names may be spelt in other ways.
_TELLING: Final = re.compile(rf"\b(?:{'|'.join(sorted({*_words()}))})\b|{_ALWAYS}".encode())


def findings(file: File) -> Iterator[Finding]:
    """What is wrong with a file of Python or a notebook; UnparsedError or LimitError where it cannot be looked at."""
    data = file.data
    if str(data, "latin-1").isascii() and not _TELLING.search(data):
        return
    unit = parsed(file)
    package = re.sub(r"\W", "_", file.name.partition(".")[0]) or "package"
    used = scoped(unit.tree, package, file.budget)
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


# What the last name of a function has to be for a call of it to matter, where it is reached through something.
_LAST: Final = frozenset(path.rpartition(".")[2] for path in (*CALLS, *_PARTIAL))
_LAST_NAMED: Final = frozenset(path.rpartition(".")[2] for path in (*surroundings.NAMED, *loads.HANDED_ON))


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
            case ast.Attribute(ctx=ast.Load()):
                if node.attr in _LAST_NAMED:
                    yield from self._named(node, scope)
            case ast.Name(ctx=ast.Load()):
                found = scope.find(node.id)
                if found is not None and any(type(binding) is Imported for binding in found[0]):
                    yield from self._named(node, scope)
            case ast.Assign(targets=targets, value=value):
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
