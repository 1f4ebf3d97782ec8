"""Edits made in a concrete syntax tree: all that an edit does not name stays as it is written, byte for byte."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, final

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from leyden.audit.fix.code.edits import Append, Begin, Drop, Edit, Rename, Replace, UnfitError

_Range: TypeAlias = tuple[int, int, int, int]  # first line, column, last line, column: in characters
_NOWHERE: Final = (0, 0, 0, 0)
# What libcst's own checks raise on programs that Python takes, such as a line that ends after `async`.
_BUGS: Final = (AssertionError, AttributeError, LookupError, TypeError, ValueError)
_NO_SPACE: Final = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


@final
class Tree:
    """A program that can be edited again and again, each time from its beginning."""

    def __init__(self, source: bytes) -> None:
        """UnfitError where the program cannot be parsed, or not be written again as it was."""
        try:
            self._module = cst.parse_module(source)
            positions = MetadataWrapper(self._module, unsafe_skip_copy=True).resolve(PositionProvider)
            same = self._module.bytes == source
        except (cst.ParserSyntaxError, cst.CSTValidationError, *_BUGS) as error:
            raise UnfitError(f"libcst does not parse it: {[*str(error).splitlines(), 'it failed'][0]}") from None
        except RecursionError:
            raise UnfitError("it is nested too deep") from None
        if not same:
            raise UnfitError("libcst does not write it again as it was")
        self._lines = self._module.code.split("\n")
        self._positions: Mapping[cst.CSTNode, _Range] = {
            node: (at.start.line, at.start.column, at.end.line, at.end.column) for node, at in positions.items()
        }

    def edited(self, edits: Sequence[Edit]) -> bytes:
        """The program with ``edits`` made; UnfitError where one of them cannot be."""
        by_place: dict[_Range, list[Edit]] = {}
        for edit in edits:
            by_place.setdefault(self._range(edit.node), []).append(edit)
        editor = _Editor(self._positions, by_place, self._module)
        try:
            changed = self._module.visit(editor)
        except RecursionError:
            raise UnfitError("it is nested too deep") from None
        except cst.CSTValidationError as error:
            raise UnfitError(str(error)) from None
        if editor.done != len(edits):
            raise UnfitError("what is to be changed is written in a way that is not known")
        return changed.bytes

    def _range(self, node: ast.expr) -> _Range:
        """Where a node stands in characters; the parser of Python counts bytes of UTF-8."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            *(node.lineno, self._column(node.lineno, node.col_offset)),
            *(node.end_lineno, self._column(node.end_lineno, node.end_col_offset)),
        )

    def _column(self, line: int, offset: int) -> int:
        if line > len(self._lines):  # lines that end with a carriage return alone
            return -1
        return len(self._lines[line - 1].encode()[:offset].decode(errors="replace"))


@final
class _Editor(cst.CSTTransformer):
    def __init__(
        self, positions: Mapping[cst.CSTNode, _Range], edits: Mapping[_Range, Sequence[Edit]], module: cst.Module
    ) -> None:
        super().__init__()
        self._positions = positions
        self._edits = edits
        self._quote = "'" if module.code.count("'") > module.code.count('"') else '"'
        self.done = 0

    def on_leave(  # type: ignore[override]  # libcst's own type allows a removal, which no expression needs
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode:
        if isinstance(original_node, cst.BaseExpression) and isinstance(updated_node, cst.BaseExpression):
            for edit in sorted(self._edits.get(self._positions.get(original_node, _NOWHERE), ()), key=_order):
                updated_node = self._made(updated_node, edit)
        return updated_node

    def _made(self, node: cst.BaseExpression, edit: Edit) -> cst.BaseExpression:
        self.done += 1
        match edit, node:
            case Replace(), _:
                return cst.parse_expression(edit.code).with_changes(lpar=node.lpar, rpar=node.rpar)
            case Begin(), cst.SimpleString() | cst.FormattedString():
                return _begun(node, edit)
            case Append(), cst.Call():
                return appended(node, edit.name, self._in_style(cst.parse_expression(edit.code)))
            case Drop(), cst.Call():
                return dropped(node, _index(edit))
            case Rename(), cst.Attribute():
                return node.with_changes(attr=node.attr.with_changes(value=edit.name))
            case _:
                self.done -= 1
                return node

    def _in_style(self, value: cst.BaseExpression) -> cst.BaseExpression:
        """Texts in the quotes that the program uses most."""
        if isinstance(value, cst.SimpleString):
            return value.with_changes(value=f"{self._quote}{value.raw_value}{self._quote}")
        if isinstance(value, cst.List):
            return value.with_changes(
                elements=[one.with_changes(value=self._in_style(one.value)) for one in value.elements]
            )
        return value


def _order(edit: Edit) -> int:
    """What is left out goes first, the last one before the others, so that each is where the program has it."""
    return -_index(edit) - 1 if isinstance(edit, Drop) else 0


def _begun(node: cst.SimpleString | cst.FormattedString, edit: Begin) -> cst.BaseExpression:
    if isinstance(node, cst.SimpleString):
        before, old, after = node.value.partition(edit.old)
        if not old or before.lstrip("rRbBuU").strip("\"'"):
            raise UnfitError("the text is not written as it is read")
        return node.with_changes(value=before + edit.new + after)
    first = node.parts[0]
    if not isinstance(first, cst.FormattedStringText) or not first.value.startswith(edit.old):
        raise UnfitError("the text is not written as it is read")
    changed = first.with_changes(value=edit.new + first.value[len(edit.old) :])
    return node.with_changes(parts=(changed, *node.parts[1:]))


def _index(edit: Drop) -> int:
    """The place of an argument among all that are written: in the order of the program."""
    values = [*edit.node.args, *(keyword.value for keyword in edit.node.keywords)]
    values.sort(key=lambda value: (value.lineno, value.col_offset))
    return next(index for index, value in enumerate(values) if value is edit.value)


def appended(call: cst.Call, name: str, value: cst.BaseExpression) -> cst.Call:
    """The call with one more argument, laid out as its last one is."""
    argument = cst.Arg(value, keyword=cst.Name(name), equal=_NO_SPACE)
    if not call.args:
        return call.with_changes(args=(argument,))
    *others, last = call.args
    if isinstance(last.value, cst.GeneratorExp) and not last.value.lpar:
        raise UnfitError("its only argument is a generator without parentheses")
    before = _whitespace(others[-1].comma) if others else call.whitespace_before_args
    if isinstance(last.comma, cst.Comma):
        after, closing = _around(before, last.comma.whitespace_after)
        argument = argument.with_changes(comma=last.comma.with_changes(whitespace_after=closing))
    else:
        after, closing = _around(before, last.whitespace_after_arg)
        argument = argument.with_changes(whitespace_after_arg=closing)
        last = last.with_changes(whitespace_after_arg=cst.SimpleWhitespace(""))
    comma = cst.Comma(whitespace_after=after)
    return call.with_changes(args=(*others, last.with_changes(comma=comma), argument))


def _around(
    before: cst.BaseParenthesizableWhitespace, closing: cst.BaseParenthesizableWhitespace
) -> tuple[cst.BaseParenthesizableWhitespace, cst.BaseParenthesizableWhitespace]:
    """What stands before a new last argument and what after it, given the same of the one that was the last."""
    space: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace(" ")
    if not isinstance(before, cst.ParenthesizedWhitespace):
        return space, closing
    # One argument a line. A comment behind the last one stays behind it.
    if not isinstance(closing, cst.ParenthesizedWhitespace):
        plain = cst.TrailingWhitespace(newline=before.first_line.newline)
        return before.with_changes(first_line=plain, empty_lines=()), closing
    plain = cst.TrailingWhitespace(newline=closing.first_line.newline)
    return (
        before.with_changes(first_line=closing.first_line, empty_lines=()),
        closing.with_changes(first_line=plain),
    )


def dropped(call: cst.Call, index: int) -> cst.Call:
    """The call without one of its arguments."""
    argument = call.args[index]
    others = [*call.args[:index], *call.args[index + 1 :]]
    if any(map(_has_comment, (argument.whitespace_after_arg, _whitespace(argument.comma)))):
        raise UnfitError("a comment stands beside what would be left out")
    if index == len(others) and others:  # the last one: what follows it now follows the one before
        before = others[-1]
        if _has_comment(_whitespace(before.comma)):
            raise UnfitError("a comment stands beside what would be left out")
        others[-1] = before.with_changes(comma=argument.comma, whitespace_after_arg=argument.whitespace_after_arg)
    return call.with_changes(args=others)


def _whitespace(comma: cst.Comma | cst.MaybeSentinel) -> cst.BaseParenthesizableWhitespace:
    return comma.whitespace_after if isinstance(comma, cst.Comma) else cst.SimpleWhitespace("")


def _has_comment(space: cst.BaseParenthesizableWhitespace) -> bool:
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return False
    lines: Iterable[cst.TrailingWhitespace | cst.EmptyLine] = (space.first_line, *space.empty_lines)
    return any(line.comment is not None for line in lines)
