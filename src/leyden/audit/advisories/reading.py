"""A list of advisories out of its file, read as strictly as anything that comes from elsewhere."""

from __future__ import annotations

from datetime import date
from typing import Final

from leyden.audit.advisories.advisory import Advisory, Catalogue, Kind, normalized
from leyden.audit.finding import Severity
from leyden.errors import FormatError
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

FORMAT: Final = "leyden-advisories-1"
LARGEST: Final = 8 << 20  # bytes
_VALUES: Final = 400_000
_TEXT: Final = 1_000  # characters of one text
_SEVERITIES: Final = {severity.name.lower(): severity for severity in Severity}
_KINDS: Final = {kind.value: kind for kind in Kind}


def parse(content: bytes, what: str) -> Catalogue:
    """The list in ``content``; FormatError, which ``what`` names, where it is anything else."""
    if len(content) > LARGEST:
        raise FormatError(f"{what} has over {LARGEST:,} bytes, the limit of a list of advisories.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(f"{what} is not a list of advisories: it is no UTF-8.") from None
    match strict_json.loads(text, depth=5, values=_VALUES, what=what):
        case {"format": str(format_), "number": int(number), "date": str(said), "advisories": list(entries), **rest}:
            if format_ != FORMAT:
                raise FormatError(
                    f"{what} is in the format {format_[:40]!r}, which this version of Leyden cannot read."
                )
            if rest or isinstance(number, bool) or number < 1:
                raise FormatError(f"{what} is not a list of advisories: it has an unknown member, or no number.")
            return Catalogue(number, _date(said, what), tuple(_advisory(entry, what) for entry in entries))
        case _:
            raise FormatError(f"{what} is not a list of advisories.")


def _advisory(entry: Json, what: str) -> Advisory:
    match entry:
        case {
            "id": str(name),
            "aliases": list(aliases),
            "packages": list(packages),
            "affected": list(affected),
            "fixed": str(fixed),
            "severity": str(severity),
            "cwe": int() | None as cwe,
            "kind": str(kind),
            "summary": str(summary),
            "sources": list(sources),
            "checked": str(checked),
            **rest,
        } if not rest and severity in _SEVERITIES and kind in _KINDS:
            found = Advisory(
                id=_line(name, what),
                aliases=_lines(aliases, what),
                packages=_lines(packages, what),
                affected=_lines(affected, what),
                fixed=_line(fixed, what),
                severity=_SEVERITIES[severity],
                cwe=cwe,
                kind=_KINDS[kind],
                summary=_line(summary, what),
                sources=_lines(sources, what),
                checked=_line(checked, what),
            )
            _check(found, what)
            return found
    raise FormatError(f"{what}: one of its entries is not an advisory.")


def _check(advisory: Advisory, what: str) -> None:
    from leyden.audit.advisories.ranges import is_range, parsed

    where = f"{what}, {advisory.id}"
    if not advisory.packages or not advisory.affected or not advisory.id:
        raise FormatError(f"{where}: no id, no package or no release is named.")
    if any(name != normalized(name) for name in advisory.packages):
        raise FormatError(f"{where}: the name of a package is not normalized.")
    if not all(map(is_range, advisory.affected)) or (advisory.fixed and parsed(advisory.fixed) is None):
        raise FormatError(f"{where}: its releases are not versions by PEP 440.")


def _lines(values: list[Json], what: str) -> tuple[str, ...]:
    return tuple(_line(value, what) for value in values)


def _line(value: Json, what: str) -> str:
    if isinstance(value, str) and len(value) <= _TEXT and (value.isprintable() or not value):
        return value
    raise FormatError(f"{what}: one of its texts is too long, or not text of one line.")


def _date(text: str, what: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise FormatError(f"{what} has no date such as 2026-11-28, but {text[:40]!r}.") from None
