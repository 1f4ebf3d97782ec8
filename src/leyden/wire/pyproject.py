"""A table of a pyproject.toml, by whichever TOML reader this Python has."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Final

from leyden.errors import SettingsError

NAME: Final = "pyproject.toml"
LARGEST: Final = 4 << 20  # bytes


def table(content: bytes, names: Sequence[str], where: str, otherwise: str) -> object:
    """What stands in the table of these names, or an empty one.

    SettingsError where the text is no TOML, or nothing here can read it; ``otherwise`` says what else the user can do.
    """
    toml = _reader(where, otherwise)
    try:
        found: object = toml.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # malformed TOML and malformed UTF-8 are both
        raise SettingsError(f"{where} is not TOML: {error}. Mend it, or {otherwise}.") from None
    for at, name in enumerate(names):
        if not isinstance(found, Mapping):
            raise SettingsError(f"{where}: [{'.'.join(names[:at])}] is not a table.")
        found = found.get(name, {})
    return found


def _reader(where: str, otherwise: str) -> ModuleType:
    for name in ("tomllib", "tomli"):  # the first from Python 3.11 on
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise SettingsError(
        f"{where} cannot be read: Python 3.10 has no TOML reader. "
        f"Install the package tomli, use Python 3.11 or newer, or {otherwise}."
    )
