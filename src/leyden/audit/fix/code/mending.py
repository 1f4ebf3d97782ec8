"""One program and the findings in it: which edits mend them, and whether the edited program is what it should be."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from leyden.audit.code.inspection import MEMBERS, findings, inspect
from leyden.audit.code.program import Call
from leyden.audit.code.resolve import Resolver
from leyden.audit.code.scopes import scoped
from leyden.audit.code.text import Unit, UnparsedError, anything, parsed
from leyden.audit.code.versions import Versions
from leyden.audit.finding import Budget, File, Finding, LimitError, Limits, Place, shortened
from leyden.audit.fix.code.edits import Append, Begin, Drop, Edit, Rename, Replace, UnfitError, text_of
from leyden.audit.fix.code.facts import Facts
from leyden.audit.fix.code.table import TREATMENTS
from leyden.audit.fix.code.tree import Tree
from leyden.redaction import redact_source

_DEEPEST: Final = 150  # levels of syntax; libcst's parser has no limit of its own and ends the process
_LARGEST: Final = 256 << 10  # bytes; libcst takes up to 4 KB of memory and 0.1 ms for one
_LONGEST_LINE: Final = 2_000  # characters: an edit that nobody can see is not made


@final
@dataclass(frozen=True)
class Mended:
    """Edits for one finding. ``proven``: that they change nothing that works."""

    finding: Finding
    said: str  # the message of the finding, before its secrets were hidden
    edits: tuple[Edit, ...]
    text: str  # what they do
    proven: bool


@final
class Program:
    """A program as it was audited. UnfitError where it is none, or is not what it was."""

    def __init__(self, path: str, source: bytes, limits: Limits, facts: Facts) -> None:
        self._source, self._facts = source, facts
        self._file = File(Place(path), memoryview(source), Budget(limits), versions=facts.oldest)
        self._unit = _parsed(self._file)
        if _depth(self._unit.tree) > _DEEPEST:
            raise UnfitError("it is nested too deep")
        self._text = "\n".join(self._unit.lines) if self.is_notebook else _decoded(source)
        self._tree: Tree | None = None
        self._known: Counter[tuple[str, str]] | None = None

    @property
    def is_notebook(self) -> bool:
        return bool(self._unit.cells)

    def mended(self, wanted: Iterable[Finding]) -> Iterator[Mended]:
        """What can be done about each finding, those of ``wanted`` that are there and have an edit."""
        places = {(one.rule, one.place.line, one.place.column): one for one in wanted}
        used = scoped(self._unit.tree, "package", self._file.budget, MEMBERS)
        scopes = {id(one.node): one.scope for one in used}
        resolver, versions = Resolver(), Versions(self._facts.oldest)
        for node, hit in inspect(used, versions):
            place = self._unit.place_of(node)
            finding = places.get((hit.rule.id, place.line, place.column))
            if finding is None or not isinstance(node, ast.Call) or hit.rule.id not in TREATMENTS:
                continue
            del places[hit.rule.id, place.line, place.column]
            scope = scopes[id(node)]
            paths = resolver.paths(node.func, scope)
            path = paths[0] if paths else f"?.{getattr(node.func, 'attr', '')}"
            call = Call(node, path, scope, resolver, node.args, versions)
            treatment = TREATMENTS[hit.rule.id]
            edits = tuple(treatment.edits(call))
            if edits:
                proven = treatment.proof is not None and treatment.proof(call, self._unit.tree.body, self._facts)
                text = redact_source(", ".join(text_of(edit, self._text) for edit in edits))
                yield Mended(finding, shortened(hit.message), edits, text, proven)

    def edited(self, mended: Sequence[Mended]) -> bytes:
        """The program with these edits; UnfitError unless they mend what they should and nothing else is different."""
        if self.is_notebook:
            raise UnfitError("it is a notebook, which is changed in its editor")
        if len(self._source) > _LARGEST:
            raise UnfitError(f"it is longer than {_LARGEST:,} bytes")
        edits = [edit for one in mended for edit in one.edits]
        for edit in edits:
            line = self._unit.snippet(edit.node)
            if len(line) > _LONGEST_LINE:
                raise UnfitError("the line is too long to be shown")
        if self._tree is None:
            self._tree = Tree(self._source)
        after = self._tree.edited(edits)
        self._check(after, mended, edits)
        return after

    def _check(self, after: bytes, gone: Sequence[Mended], edits: Sequence[Edit]) -> None:
        changed = _parsed(self._with(after))
        if not _same(self._unit.tree, changed.tree, edits):
            raise UnfitError("more would change than was meant")
        if self._known is None:
            self._known = self._found(self._source)
        left = self._known.copy()
        left.subtract((one.finding.rule, one.said) for one in gone)
        if any(number > left[what] for what, number in self._found(after).items()):
            raise UnfitError("the audit would still have something to say about it")

    def _found(self, source: bytes) -> Counter[tuple[str, str]]:
        """What the audit says, without the places, which move."""
        return Counter((finding.rule, finding.message) for finding in findings(self._with(source)))

    def _with(self, source: bytes) -> File:
        """The same file with other content, and as much time for it."""
        return replace(self._file, data=memoryview(source), budget=Budget(self._file.budget.limits))


def _decoded(source: bytes) -> str:
    """A program as its parser reads it, which has found the encoding by now."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return str(source, encoding, "replace")


def _parsed(file: File) -> Unit:
    try:
        unit = parsed(file, anything)
    except (UnparsedError, LimitError) as error:
        raise UnfitError(f"it cannot be parsed: {error}") from None
    assert unit is not None
    return unit


def _depth(tree: ast.AST) -> int:
    deepest = 0
    pending: list[tuple[ast.AST, int]] = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        deepest = max(deepest, depth)
        pending.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return deepest


def _same(before: ast.AST, after: ast.AST, edits: Sequence[Edit]) -> bool:
    """Whether two programs are equal but for the edits, made in the first one as they are written down."""
    by_node: dict[int, list[Edit]] = {}
    for edit in edits:
        by_node.setdefault(id(edit.node), []).append(edit)
    pending: list[tuple[object, object]] = [(before, after)]
    while pending:
        old, new = pending.pop()
        if isinstance(old, ast.expr):
            for edit in by_node.get(id(old), ()):
                old = _made(old, edit)
        if type(old) is not type(new):
            return False
        if isinstance(old, ast.AST) and isinstance(new, ast.AST):
            pending.extend((getattr(old, name, None), getattr(new, name, None)) for name in old._fields)
        elif isinstance(old, list) and isinstance(new, list):
            if len(old) != len(new):
                return False
            pending.extend(zip(old, new, strict=True))
        elif old != new:
            return False
    return True


def _made(node: ast.expr, edit: Edit) -> ast.expr:
    """A node after an edit; its parts are still those of the program before, so edits of theirs are found."""
    match edit, node:
        case Replace(code=code), _:
            return ast.parse(code, mode="eval").body
        case Begin(), ast.Constant(value=str(text)):
            return ast.Constant(text.replace(edit.old, edit.new, 1), node.kind)
        case Begin(), ast.JoinedStr(values=[ast.Constant(value=str(text)) as first, *others]):
            return ast.JoinedStr([ast.Constant(text.replace(edit.old, edit.new, 1), first.kind), *others])
        case Append(name=name, code=code), ast.Call(func=function, args=args, keywords=keywords):
            added = ast.keyword(name, ast.parse(code, mode="eval").body)
            return ast.Call(function, args, [*keywords, added])
        case Drop(value=value), ast.Call(func=function, args=args, keywords=keywords):
            return ast.Call(
                function,
                [one for one in args if one is not value],
                [one for one in keywords if one.value is not value],
            )
        case Rename(name=name), ast.Attribute(value=owner, ctx=context):
            return ast.Attribute(owner, name, context)
        case _:
            return node
