"""``[tool.leyden.audit]`` of the pyproject.toml in the current directory, checked to the last key.

It is never read from what is audited: a stranger's project does not say how it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, final

from leyden.audit.finding import Place, Severity
from leyden.audit.suppress import Suppression
from leyden.errors import SettingsError
from leyden.wire import pyproject
from leyden.wire.pyproject import LARGEST, NAME

_TABLE: Final = "[tool.leyden.audit]"
_KEYS: Final = ("severity", "exclude", "baseline", "suppress")
_SUPPRESS_KEYS: Final = ("rule", "path", "reason", "until")


@final
@dataclass(frozen=True)
class Settings:
    """What the file says; the command line comes on top."""

    severity: Severity = Severity.LOW
    exclude: tuple[str, ...] = ()
    baseline: str | None = None
    suppress: tuple[Suppression, ...] = ()


def load(directory: Path, rules: Sequence[str]) -> Settings:
    """The settings for ``directory``; SettingsError names the key that cannot be. ``rules`` are all ids that exist."""
    path = directory / NAME
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    if len(content) > LARGEST:
        raise SettingsError(f"{path} has over {LARGEST:,} bytes, the limit. Use --no-config to leave it out.")
    return parse(content, str(path), rules)


def parse(content: bytes, where: str, rules: Sequence[str]) -> Settings:
    """The settings in the text of a pyproject.toml."""
    if b"leyden" not in content:
        return Settings()
    table = _table(content, where)
    _check_keys(table, _KEYS, f"{where}: {_TABLE}")
    return Settings(
        severity=severity(_text(table, "severity", "low", where), f"{where}: severity"),
        exclude=_texts(table, "exclude", where),
        baseline=_text(table, "baseline", "", where) or None,
        suppress=_suppressions(table.get("suppress", []), where, rules),
    )


def severity(name: str, what: str) -> Severity:
    """The severity called ``name``; ``what`` says where it was asked for."""
    try:
        return Severity[name.upper()]
    except KeyError:
        names = ", ".join(level.name.lower() for level in Severity)
        raise SettingsError(f"{what} is {name[:40]!r}. Choose one of: {names}.") from None


def _table(content: bytes, where: str) -> Mapping[str, object]:
    found = pyproject.table(content, ("tool", "leyden", "audit"), where, "use --no-config to leave the file out")
    if not isinstance(found, Mapping):
        raise SettingsError(f"{where}: {_TABLE} is not a table.")
    return found


def _suppressions(value: object, where: str, rules: Sequence[str]) -> tuple[Suppression, ...]:
    what = f"{where}: suppress"
    if not isinstance(value, list):
        raise SettingsError(f"{what} is not a list of tables. Write [[tool.leyden.audit.suppress]].")
    suppressions = []
    for number, table in enumerate(value, 1):
        which = f"{what}, table {number}"
        if not isinstance(table, Mapping):
            raise SettingsError(f"{which} is not a table. Write [[tool.leyden.audit.suppress]].")
        _check_keys(table, _SUPPRESS_KEYS, which)
        rule = _text(table, "rule", "", which).upper()
        if rule not in rules:
            raise SettingsError(f"{which}: rule is {rule[:40]!r}, which is no rule. `leyden explain` lists them.")
        path = _text(table, "path", "", which)
        if not path:
            raise SettingsError(f'{which} has no path. Write a pattern such as path = "models/*.pt".')
        reason = _text(table, "reason", "", which)
        suppressions.append(Suppression(rule, path, reason, _date(table.get("until"), which), Place(where)))
    return tuple(suppressions)


def _date(value: object, what: str) -> date | None:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            value = object()
    match value:
        case None:
            return None
        case datetime():
            return value.date()
        case date():
            return value
        case _:
            raise SettingsError(f"{what}: until is not a date. Write until = 2027-01-31.")


def _check_keys(table: Mapping[str, object], known: Sequence[str], what: str) -> None:
    for key in table:
        if key not in known:
            import difflib  # here, since it is seldom needed and slow to import

            close = difflib.get_close_matches(key, known, 1)
            hint = f"Did you mean {close[0]}?" if close else f"It knows {', '.join(known)}."
            raise SettingsError(f"{what} has the key {key[:40]!r}, which means nothing. {hint}")


def _text(table: Mapping[str, object], key: str, default: str, what: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise SettingsError(f"{what}: {key} is not text.")
    return value


def _texts(table: Mapping[str, object], key: str, what: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise SettingsError(f"{what}: {key} is not a list of text.")
    for text in value:
        if not isinstance(text, str):
            raise SettingsError(f"{what}: {key} is not a list of text.")
    return tuple(value)
