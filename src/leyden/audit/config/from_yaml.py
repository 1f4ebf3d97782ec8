"""YAML, by PyYAML's events: no constructor is there that a tag could name, and no alias is expanded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from leyden.audit.config.building import DEEPEST, Builder, Parsed
from leyden.audit.config.nodes import Scalar
from leyden.audit.finding import Budget, LimitError, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

# Newer ones of libyaml look ahead for it themselves, before the first event.
_TOO_DEEP: Final = "exceeded maximum nesting depth"
_TEMPLATED: Final = re.compile(r"\{\{|\{%")
# A statement or a comment, or a line of nothing but an expression, which puts in whole blocks.
_BLOCK: Final = re.compile(
    r"\{%[^%]{0,2000}%\}|\{#[^#]{0,8000}#\}|\{\{-?\s?/\*[^*]{0,8000}\*/\s?-?\}\}|^[ \t]*\{\{[^{}\n]{0,2000}\}\}[ \t]*$",
    re.MULTILINE,
)
_EXPRESSION: Final = re.compile(r"\{\{[^{}\n]{0,2000}\}\}")


def parse_yaml(text: str, budget: Budget) -> Parsed:
    """The documents in ``text``; LimitError beyond the limits. A template of Jinja or Go is read around its holes."""
    parsed = _parse(text, budget)
    if _TEMPLATED.search(text) and any(trouble.kind == "malformed" for trouble in parsed.troubles):
        filled = _parse(_filled(text), budget)
        # Two branches of a template may well give the same name.
        return Parsed(filled.documents, tuple(trouble for trouble in filled.troubles if trouble.kind != "duplicate"))
    return parsed


def _parse(text: str, budget: Budget) -> Parsed:
    import yaml  # here, since it takes time to import

    builder = Builder(budget)
    try:
        for event in _events(text):
            _take(builder, event, yaml)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "malformed"
        if problem == _TOO_DEEP:
            raise LimitError(f"it is nested over {DEEPEST} levels deep") from None
        builder.malformed(shortened(str(problem), 200), 1 if mark is None else mark.line + 1)
    return builder.parsed()


def _events(text: str) -> Iterator[Any]:
    import yaml

    # libyaml's is twenty times as fast as the one in Python.
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    return iter(yaml.parse(text, Loader=loader))


def _take(builder: Builder, event: Any, yaml: Any) -> None:
    line, column = event.start_mark.line + 1, event.start_mark.column + 1
    kind = type(event)
    if kind is yaml.ScalarEvent:
        tag = event.tag or ""
        last, block = event.end_mark.line + 1, event.style == "|"
        # Where no tag is written, the first of the two says whether a plain one would mean the same.
        builder.scalar(Scalar(event.value, line, column, tag, bool(event.implicit[0]), last, block), event.anchor or "")
    elif kind is yaml.MappingStartEvent:
        builder.begin("mapping", line, column, event.tag or "", event.anchor or "")
    elif kind is yaml.SequenceStartEvent:
        builder.begin("sequence", line, column, event.tag or "", event.anchor or "")
    elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
        builder.end()
    elif kind is yaml.AliasEvent:
        builder.alias(event.anchor, line, column)
    elif kind is yaml.DocumentEndEvent:
        builder.document()


def _filled(text: str) -> str:
    """A template with blanks for statements and words for expressions; every line and column stays where it is."""
    text = _BLOCK.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return _EXPRESSION.sub(lambda found: "$" + "x" * (len(found[0]) - 1), text)
